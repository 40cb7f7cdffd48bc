// An application in Java that was written without Ostiary in mind: the JDK's
// HttpClient. It takes cases as lines of "stream TAB url TAB prompt" and tells what it
// was told, a line of JSON each. See ways_clients_test.go.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

public class Client {
    static final String URL = "https://api.openai.com/v1/chat/completions";

    static String quoted(String s) {
        StringBuilder b = new StringBuilder("\"");
        for (char c : s.toCharArray()) {
            if (c == '"' || c == '\\' || c < ' ') b.append(String.format("\\u%04x", (int) c));
            else b.append(c);
        }
        return b.append('"').toString();
    }

    static String header(HttpResponse<?> r, String name) {
        return r.headers().firstValue(name).orElse("");
    }

    static String told(HttpResponse<String> r, boolean stream) {
        long events = stream ? r.body().lines().filter(l -> l.startsWith("data: {")).count() : 0;
        String answer = "{\"status\":" + r.statusCode() + ",\"pool\":" + quoted(header(r, "x-ostiary-pool"))
            + ",\"action\":" + quoted(header(r, "x-ostiary-action")) + ",\"decision\":" + quoted(header(r, "x-ostiary-decision-id"))
            + ",\"events\":" + events;
        if (r.statusCode() == 200) return answer + ",\"text\":" + quoted(r.body()) + "}";
        return answer + ",\"class\":\"HttpResponse\",\"message\":" + quoted(r.body()) + "}";
    }

    public static void main(String[] args) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            String[] c = line.split("\t", 3);
            boolean stream = c[0].equals("true");
            HttpRequest.Builder b = HttpRequest.newBuilder().timeout(Duration.ofSeconds(60));
            if (!c[1].isEmpty()) {
                b.uri(URI.create(c[1]));
            } else {
                b.uri(URI.create(URL)).header("content-type", "application/json").header("authorization", "Bearer " + System.getenv("OPENAI_API_KEY"))
                    .POST(HttpRequest.BodyPublishers.ofString("{\"model\":\"gpt-5\",\"stream\":" + stream
                        + ",\"messages\":[{\"role\":\"user\",\"content\":" + quoted(c[2]) + "}]}"));
            }
            try {
                System.out.println(told(client.send(b.build(), HttpResponse.BodyHandlers.ofString()), stream));
            } catch (Exception e) {
                System.out.println("{\"class\":" + quoted(e.getClass().getSimpleName()) + ",\"message\":" + quoted(String.valueOf(e.getMessage())) + "}");
            }
        }
    }
}
