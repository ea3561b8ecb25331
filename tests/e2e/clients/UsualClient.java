// SPDX-License-Identifier: Apache-2.0
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Asks for all of the usual site (see ../usual.py) from several threads. usage: UsualClient PORT ROUNDS VERSION
 *
 * <p>As HTTP_2, the JDK's default, each connection's first request offers an upgrade that the server does not take.
 */
class UsualClient {
  static HttpClient client;
  static String base;

  static Void ask(String method, String path, long up, BodyPublisher body) throws Exception {
    HttpRequest request = HttpRequest.newBuilder(URI.create(base + path)).method(method, body).build();
    HttpResponse<byte[]> answer = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
    int down = answer.body().length;
    synchronized (System.out) {
      System.out.println(method + " " + path + " " + answer.statusCode() + " " + up + " " + down);
    }
    return null;
  }

  static Void visit(int rounds) throws Exception {
    byte[] large = new byte[300_000];
    BodyPublisher none = BodyPublishers.noBody();
    for (int round = 0; round < rounds; round++) {
      ask("GET", "/plain", 0, none);
      ask("HEAD", "/plain", 0, none);
      ask("GET", "/empty", 0, none);
      ask("GET", "/large", 0, none);
      ask("GET", "/chunks", 0, none);
      ask("POST", "/upload", 0, none);
      ask("POST", "/upload", large.length, BodyPublishers.ofByteArray(large));
      // Of a stream the length is not known: it goes in chunks.
      ask("POST", "/upload", 60001, BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(large, 0, 60001)));
      ask("GET", "/broken", 0, none);
      ask("GET", "/missing", 0, none);
    }
    return null;
  }

  public static void main(String[] words) throws Exception {
    base = "http://127.0.0.1:" + words[0];
    int rounds = Integer.parseInt(words[1]);
    client = HttpClient.newBuilder().version(HttpClient.Version.valueOf(words[2])).build();
    ExecutorService threads = Executors.newFixedThreadPool(4);
    List<Callable<Void>> visits = new ArrayList<>();
    for (int i = 0; i < 4; i++) visits.add(() -> visit(rounds));
    for (Future<Void> visit : threads.invokeAll(visits)) visit.get();
    threads.shutdown();
  }
}
