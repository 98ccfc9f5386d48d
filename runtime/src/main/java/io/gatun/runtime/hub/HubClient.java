package io.gatun.runtime.hub;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Optional;
import java.util.Set;

/**
 * Asks the hub. Redirects are followed here, because the token must not go where they lead: a large
 * file lies on another host, whose address is signed.
 */
final class HubClient implements AutoCloseable {
  private static final Duration CONNECT = Duration.ofSeconds(20);
  private static final Duration ANSWER = Duration.ofSeconds(60);
  private static final int MAX_REDIRECTS = 8;
  private static final int MAX_LISTING = 1 << 26;
  private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
  private static final Set<Integer> LATER = Set.of(408, 425, 429, 500, 502, 503, 504);

  private final HttpClient http =
      HttpClient.newBuilder()
          .connectTimeout(CONNECT)
          .followRedirects(HttpClient.Redirect.NEVER)
          .build();
  private final HubSettings settings;

  HubClient(HubSettings settings) {
    this.settings = settings;
  }

  /** What is in a revision. */
  Listing listing(Repository repository, String revision) throws TransientException {
    var address = repository.listing(settings.endpoint(), revision);
    try (var in = get(address, 0, repository).body()) {
      var json = in.readNBytes(MAX_LISTING);
      if (json.length == MAX_LISTING) {
        throw new HubException(address + " answers with more than a list of files can be");
      }
      return Listing.parse(json, address.toString());
    } catch (IOException e) {
      throw lost(address, e);
    }
  }

  /**
   * The contents of a file.
   *
   * @param from the first byte wanted
   * @return an answer with status 200 (all of it) or 206 (from there on); the caller closes its
   *     body
   */
  HttpResponse<InputStream> file(Repository repository, String commit, String name, long from)
      throws TransientException {
    return get(repository.file(settings.endpoint(), commit, name), from, repository);
  }

  private HttpResponse<InputStream> get(URI address, long from, Repository repository)
      throws TransientException {
    var at = address;
    for (int hops = 0; hops <= MAX_REDIRECTS; hops++) {
      var response = send(at, from);
      int status = response.statusCode();
      if (status == 200 || status == 206) {
        return response;
      }
      discard(response);
      if (LATER.contains(status)) {
        throw later(at, response);
      }
      if (!REDIRECTS.contains(status)) {
        throw refused(response, repository);
      }
      at = next(at, response.headers());
    }
    throw new HubException("%s redirects more than %d times".formatted(address, MAX_REDIRECTS));
  }

  private HttpResponse<InputStream> send(URI address, long from) throws TransientException {
    var request = HttpRequest.newBuilder(address).timeout(ANSWER).header("User-Agent", "gatun");
    if (from > 0) {
      request.header("Range", "bytes=" + from + "-");
    }
    if (isHub(address)) {
      settings.token().ifPresent(token -> request.header("Authorization", "Bearer " + token));
    }
    try {
      return http.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
    } catch (IOException e) {
      throw lost(address, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new HubException("interrupted while asking " + address.getHost(), e);
    }
  }

  private boolean isHub(URI address) {
    return address.getScheme().equals(settings.endpoint().getScheme())
        && String.valueOf(address.getAuthority()).equals(settings.endpoint().getAuthority());
  }

  /** A problem of the connection, in words. */
  static TransientException lost(URI address, IOException e) {
    var problem =
        e instanceof ConnectException
            ? address.getAuthority() + " cannot be reached"
            : "no answer from %s (%s)".formatted(address.getAuthority(), reason(e));
    return new TransientException(problem, e);
  }

  private static String reason(IOException e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }

  private URI next(URI at, HttpHeaders headers) {
    var location = headers.firstValue("Location").orElse("");
    try {
      var next = at.resolve(location);
      boolean known = Set.of("http", "https").contains(String.valueOf(next.getScheme()));
      boolean safe = next.getScheme().equals("https") || !at.getScheme().equals("https");
      if (!location.isEmpty() && known && next.getHost() != null && safe) {
        return next;
      }
    } catch (IllegalArgumentException _) {
      // said below
    }
    throw new HubException(
        "%s redirects to \"%s\", where nothing is fetched from"
            .formatted(at.getAuthority(), location));
  }

  private static TransientException later(URI at, HttpResponse<InputStream> response) {
    int status = response.statusCode();
    var problem =
        status == 429
            ? "%s takes no more requests for now (429)".formatted(at.getAuthority())
            : "%s answers with the error %d".formatted(at.getAuthority(), status);
    return new TransientException(
        problem, response.headers().firstValue("Retry-After").flatMap(HubClient::duration));
  }

  /** Seconds, or a date. */
  private static Optional<Duration> duration(String text) {
    if (text.matches("\\d{1,9}")) {
      return Optional.of(Duration.ofSeconds(Long.parseLong(text)));
    }
    try {
      var until = ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME);
      var left = Duration.between(ZonedDateTime.now(until.getZone()), until);
      return Optional.of(left.isNegative() ? Duration.ZERO : left);
    } catch (DateTimeParseException _) {
      return Optional.empty();
    }
  }

  private HubException refused(HttpResponse<InputStream> response, Repository repository) {
    int status = response.statusCode();
    var code = response.headers().firstValue("X-Error-Code").orElse("");
    var page = repository.page(settings.endpoint());
    if (code.equals("RevisionNotFound") || code.equals("EntryNotFound")) {
      return new HubException(page + " has no such revision or file; look there for their names");
    }
    boolean absent = status == 404 || code.equals("RepoNotFound");
    var remedy =
        settings.token().isPresent()
            ? "the token in use does not open it: accept its terms there, or use another token"
            : "accept its terms there if it asks for that, make a token at %s/settings/tokens and set HF_TOKEN to it"
                .formatted(settings.endpoint());
    if (absent) {
      return new HubException(
          "%s is no local file or folder, and there is no %s, or it is private; check the name, or %s"
              .formatted(repository.id(), page, remedy));
    }
    return status == 401 || status == 403
        ? new HubException("%s is not open to everybody; %s".formatted(page, remedy))
        : new HubException("%s cannot be read: status %d".formatted(page, status));
  }

  private static void discard(HttpResponse<InputStream> response) {
    try {
      response.body().close();
    } catch (IOException _) {
      // nothing of it was wanted
    }
  }

  @Override
  public void close() {
    http.shutdownNow();
    http.close();
  }
}
