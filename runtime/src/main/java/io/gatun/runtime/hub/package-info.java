/**
 * Models, adapters and data sets of the Hugging Face hub: {@code org/name} becomes files in the
 * cache that other tools share.
 *
 * <p>{@link io.gatun.runtime.hub.Hub} is the one entry. What the hub says is untrusted: names are
 * checked before they become paths, sizes before anything is written, checksums before a file gets
 * its name; a file of the cache is whole or not there. The token goes to the hub only, never to
 * where it redirects. Nothing here knows what is in the files, an index of shards aside, and
 * nothing else of Gatun uses the network. Called by the command line and by programs.
 */
package io.gatun.runtime.hub;
