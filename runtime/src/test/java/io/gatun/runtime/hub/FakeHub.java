package io.gatun.runtime.hub;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.IntConsumer;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A hub on this machine: repositories of files, of which the large ones lie on a second server that
 * the first redirects to. It answers as the real one does, unless a test tells it to misbehave.
 */
public final class FakeHub implements AutoCloseable {
  /** The commit of every repository, until a test says otherwise. */
  public static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  private static final int LARGE = 1000;

  /** Answers a request in place of what is right. */
  @FunctionalInterface
  public interface Answer {
    void to(HttpExchange exchange, byte[] contents) throws IOException;
  }

  /** A request that came: which server, what for, and two of its headers. */
  record Request(String server, String path, String token, String range) {}

  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final HttpServer hub = server("hub");
  private final HttpServer storage = server("storage");
  private final Map<String, Map<String, byte[]>> repositories = new HashMap<>();
  private final Map<String, Deque<Answer>> answers = new HashMap<>();
  private final List<Request> requests = new CopyOnWriteArrayList<>();
  private String commit = COMMIT;

  private HttpServer server(String name) {
    try {
      var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      server.setExecutor(threads);
      server.createContext("/", exchange -> handle(name, exchange));
      server.start();
      return server;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Adds a file to a repository; {@code datasets/org/name} is one of data. */
  public synchronized FakeHub put(String repository, String file, byte[] contents) {
    repositories.computeIfAbsent(repository, _ -> new TreeMap<>()).put(file, contents);
    return this;
  }

  /** The same with text. */
  public FakeHub put(String repository, String file, String contents) {
    return put(repository, file, contents.getBytes(StandardCharsets.UTF_8));
  }

  synchronized void remove(String repository, String file) {
    repositories.get(repository).remove(file);
  }

  /** Answers the next request for a path that ends so; several answer the ones after it. */
  synchronized FakeHub next(String end, Answer... inOrder) {
    answers.computeIfAbsent(end, _ -> new ArrayDeque<>()).addAll(List.of(inOrder));
    return this;
  }

  synchronized void commit(String other) {
    commit = other;
  }

  /** Everything that was asked for. */
  List<Request> requests() {
    return requests;
  }

  /** How often files whose names end so were sent, or begun to be. */
  long sent(String end) {
    return requests.stream()
        .filter(r -> r.path().endsWith(end) && (r.server().equals("storage") || !isLarge(r.path())))
        .count();
  }

  private synchronized boolean isLarge(String path) {
    return contents(path).length >= LARGE;
  }

  /** What the environment of a user of this hub has. */
  public String address() {
    return "http://localhost:" + hub.getAddress().getPort();
  }

  private String storageAddress() {
    return "http://127.0.0.1:" + storage.getAddress().getPort();
  }

  private void handle(String server, HttpExchange exchange) throws IOException {
    try (exchange) {
      var path = exchange.getRequestURI().getPath();
      var headers = exchange.getRequestHeaders();
      var token = String.valueOf(headers.getFirst("Authorization"));
      var range = String.valueOf(headers.getFirst("Range"));
      requests.add(new Request(server, path, token, range));
      answer(server, path).to(exchange, contents(path));
    }
  }

  private synchronized Answer answer(String server, String path) {
    boolean redirects = server.equals("hub") && isLarge(path);
    for (var planned : answers.entrySet()) {
      if (path.endsWith(planned.getKey()) && !planned.getValue().isEmpty() && !redirects) {
        return planned.getValue().remove();
      }
    }
    if (path.startsWith("/api/")) {
      return (exchange, _) -> list(exchange, path);
    }
    return redirects ? (exchange, _) -> redirect(exchange, storageAddress() + path) : FakeHub::send;
  }

  private synchronized byte[] contents(String path) {
    var parts = path.substring(1).split("/resolve/[^/]+/", 2);
    var files = repositories.getOrDefault(parts[0], Map.of());
    return parts.length < 2 ? new byte[0] : files.getOrDefault(parts[1], new byte[0]);
  }

  private void list(HttpExchange exchange, String path) throws IOException {
    var repository = path.replaceFirst("^/api/(models/)?", "").replaceFirst("/revision/.*$", "");
    if (!repositories.containsKey(repository)) {
      exchange.getResponseHeaders().add("X-Error-Code", "RepoNotFound");
      exchange.sendResponseHeaders(401, -1);
      return;
    }
    var json = JsonMapper.shared().createObjectNode().put("sha", commit);
    var siblings = json.putArray("siblings");
    repositories
        .get(repository)
        .forEach(
            (name, contents) -> describe(siblings.addObject().put("rfilename", name), contents));
    send(exchange, JsonMapper.shared().writeValueAsBytes(json));
  }

  private static void describe(ObjectNode file, byte[] contents) {
    file.put("size", contents.length).put("blobId", gitDigest(contents));
    if (contents.length >= LARGE) {
      file.putObject("lfs").put("sha256", digest("SHA-256", contents)).put("size", contents.length);
    }
  }

  static String gitDigest(byte[] contents) {
    var head = "blob %d\0".formatted(contents.length).getBytes(StandardCharsets.UTF_8);
    var all = Arrays.copyOf(head, head.length + contents.length);
    System.arraycopy(contents, 0, all, head.length, contents.length);
    return digest("SHA-1", all);
  }

  static String digest(String algorithm, byte[] contents) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(contents));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Sends all of a file, or from where the request wants it. */
  static void send(HttpExchange exchange, byte[] contents) throws IOException {
    int from = from(exchange);
    begin(exchange, contents, from);
    exchange.getResponseBody().write(contents, from, contents.length - from);
  }

  /**
   * Sends a few bytes from where the request wants them, and drops the connection.
   *
   * @param arrived waits until the client has read up to a byte: of a connection that is lost, it
   *     may lose what it has not read yet
   */
  static Answer dropAfter(int bytes, IntConsumer arrived) {
    return (exchange, contents) -> {
      int from = from(exchange);
      begin(exchange, contents, from);
      exchange.getResponseBody().write(contents, from, bytes);
      exchange.getResponseBody().flush();
      arrived.accept(from + bytes);
    };
  }

  private static int from(HttpExchange exchange) {
    var range = exchange.getRequestHeaders().getFirst("Range");
    return range == null ? 0 : Integer.parseInt(range.replaceAll("\\D", ""));
  }

  private static void begin(HttpExchange exchange, byte[] contents, int from) throws IOException {
    if (from > 0) {
      var part = "bytes %d-%d/%d".formatted(from, contents.length - 1, contents.length);
      exchange.getResponseHeaders().add("Content-Range", part);
    }
    int length = contents.length - from;
    exchange.sendResponseHeaders(from > 0 ? 206 : 200, length == 0 ? -1 : length);
  }

  static void redirect(HttpExchange exchange, String location) throws IOException {
    exchange.getResponseHeaders().add("Location", location);
    exchange.sendResponseHeaders(302, -1);
  }

  /** A status with a header, such as "Retry-After: 7". */
  static Answer status(int status, String... headers) {
    return (exchange, _) -> {
      for (var header : headers) {
        var parts = header.split(": ", 2);
        exchange.getResponseHeaders().add(parts[0], parts[1]);
      }
      exchange.sendResponseHeaders(status, -1);
    };
  }

  @Override
  public void close() {
    hub.stop(0);
    storage.stop(0);
    threads.shutdownNow();
  }
}
