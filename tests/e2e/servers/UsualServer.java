// SPDX-License-Identifier: Apache-2.0
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

/** The usual site (see ../usual.py) on the JDK's own server. usage: UsualServer PORT */
class UsualServer {
  static final int[] CHUNKS = {1, 3, 17, 255, 4096, 60001};

  static void whole(HttpExchange exchange, int status, byte[] body) throws IOException {
    boolean head = exchange.getRequestMethod().equals("HEAD");
    exchange.sendResponseHeaders(status, head ? -1 : body.length);
    try (OutputStream out = exchange.getResponseBody()) {
      if (!head) out.write(body);
    }
  }

  /** Length 0 is the JDK's word for chunks. */
  static void chunks(HttpExchange exchange, int count) throws IOException {
    exchange.sendResponseHeaders(200, 0);
    try (OutputStream out = exchange.getResponseBody()) {
      for (int i = 0; i < count; i++) {
        out.write(new byte[CHUNKS[i]]);
        out.flush();
      }
    }
  }

  static void serve(HttpExchange exchange) throws IOException {
    switch (exchange.getRequestURI().getPath()) {
      case "/plain" -> whole(exchange, 200, "plain\n".getBytes());
      case "/empty" -> exchange.sendResponseHeaders(204, -1);
      case "/large" -> whole(exchange, 200, new byte[1_000_000]);
      case "/chunks" -> chunks(exchange, CHUNKS.length);
      case "/few-chunks" -> chunks(exchange, 3);
      case "/broken" -> whole(exchange, 500, "broken\n".getBytes());
      case "/upload" -> {
        long size = exchange.getRequestBody().transferTo(OutputStream.nullOutputStream());
        whole(exchange, 201, Long.toString(size).getBytes());
      }
      default -> whole(exchange, 404, "nothing here\n".getBytes());
    }
    exchange.close();
  }

  public static void main(String[] words) throws IOException {
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(words[0])), 1024);
    server.createContext("/", UsualServer::serve);
    server.setExecutor(Executors.newFixedThreadPool(8));
    server.start();
  }
}
