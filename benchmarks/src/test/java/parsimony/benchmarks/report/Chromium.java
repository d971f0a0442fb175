package parsimony.benchmarks.report;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A headless Chromium with one page, told what to do over its DevTools protocol. */
final class Chromium implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final JsonMapper JSON = JsonMapper.shared();

    private final Path profile;
    private final Process process;
    private final HttpClient client = HttpClient.newHttpClient();
    private final WebSocket socket;
    private final BlockingQueue<JsonNode> messages = new LinkedBlockingQueue<>();
    private int calls;

    /** The browser's executable on the PATH, if there is one. */
    static Optional<Path> find() {
        return Stream.of("chromium", "chromium-browser", "google-chrome")
                .flatMap(name -> Arrays.stream(
                                System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
                        .map(folder -> Path.of(folder, name)))
                .filter(Files::isExecutable)
                .findFirst();
    }

    Chromium(Path executable) throws IOException, InterruptedException {
        profile = Files.createTempDirectory("parsimony-browser");
        process = new ProcessBuilder(
                        executable.toString(),
                        "--headless",
                        "--no-sandbox",
                        "--disable-gpu",
                        "--disable-dev-shm-usage",
                        "--disable-background-networking",
                        "--disable-component-update",
                        "--no-first-run",
                        "--hide-scrollbars",
                        "--remote-debugging-port=0",
                        "--user-data-dir=" + profile,
                        "about:blank")
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
            int port = port(profile.resolve("DevToolsActivePort"));
            URI list = URI.create("http://127.0.0.1:" + port + "/json/list");
            JsonNode targets =
                    JSON.readTree(client.send(HttpRequest.newBuilder(list).build(), BodyHandlers.ofString())
                            .body());
            String page = targets.valueStream()
                    .filter(target -> target.path("type").asString().equals("page"))
                    .findFirst()
                    .orElseThrow()
                    .path("webSocketDebuggerUrl")
                    .asString();
            socket = client.newWebSocketBuilder()
                    .buildAsync(URI.create(page), new Listener())
                    .orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS)
                    .join();
        } catch (IOException | InterruptedException | RuntimeException exception) {
            stop();
            throw exception;
        }
        call("Page.enable", Map.of());
        call("Runtime.enable", Map.of());
        call("Network.enable", Map.of());
    }

    /** @param medium screen or print */
    void view(int width, int height, boolean dark, String medium) throws InterruptedException {
        call(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", width < 600));
        call(
                "Emulation.setEmulatedMedia",
                Map.of(
                        "media",
                        medium,
                        "features",
                        List.of(Map.of("name", "prefers-color-scheme", "value", dark ? "dark" : "light"))));
    }

    /** Opens a page and waits until it has run. Returns addresses it asked for and errors it reported. */
    List<String> open(Path page) throws InterruptedException {
        List<String> notes = new ArrayList<>();
        String address = page.toUri().toString();
        int id = send("Page.navigate", Map.of("url", address));
        boolean loaded = false;
        boolean answered = false;
        while (!loaded || !answered) {
            JsonNode message = next();
            answered |= message.path("id").asInt(-1) == id;
            switch (message.path("method").asString("")) {
                case "Page.loadEventFired" -> loaded = true;
                case "Runtime.exceptionThrown" ->
                    notes.add(message.path("params").toString());
                case "Network.requestWillBeSent" ->
                    notes.add(message.at("/params/request/url").asString());
                default -> {}
            }
        }
        return notes;
    }

    /** The value of an expression in the page; a promise's value once it is there. */
    JsonNode evaluate(String expression) throws InterruptedException {
        JsonNode answer =
                call("Runtime.evaluate", Map.of("expression", expression, "returnByValue", true, "awaitPromise", true));
        if (answer.has("exceptionDetails")) {
            throw new AssertionError(expression + " threw " + answer.path("exceptionDetails"));
        }
        return answer.path("result").path("value");
    }

    /** A click of the mouse in the middle of the first element that matches. */
    void click(String selector) throws InterruptedException {
        JsonNode at = evaluate("""
                (() => {
                  const node = document.querySelector(%s);
                  node.scrollIntoView({block: "center", behavior: "instant"});
                  const box = node.getBoundingClientRect();
                  return [box.x + box.width / 2, box.y + box.height / 2];
                })()""".formatted(JSON.writeValueAsString(selector)));
        mouse("mouseMoved", at);
        mouse("mousePressed", at);
        mouse("mouseReleased", at);
    }

    /** Moves the mouse to the middle of the first element that matches. */
    void mouse(String type, JsonNode at) throws InterruptedException {
        call(
                "Input.dispatchMouseEvent",
                Map.of(
                        "type",
                        type,
                        "x",
                        at.get(0).asDouble(),
                        "y",
                        at.get(1).asDouble(),
                        "button",
                        type.equals("mouseMoved") ? "none" : "left",
                        "clickCount",
                        type.equals("mouseMoved") ? 0 : 1));
    }

    /** Types into what has the focus. */
    void type(String text) throws InterruptedException {
        call("Input.insertText", Map.of("text", text));
    }

    /** Saves a picture of what the window shows, or of the whole page. */
    void screenshot(Path file, boolean whole) throws IOException, InterruptedException {
        JsonNode answer = call("Page.captureScreenshot", Map.of("format", "png", "captureBeyondViewport", whole));
        Files.createDirectories(file.getParent());
        Files.write(file, Base64.getDecoder().decode(answer.path("data").asString()));
    }

    /** Calls a method of the protocol and waits for its answer. */
    JsonNode call(String method, Map<String, ?> parameters) throws InterruptedException {
        int id = send(method, parameters);
        while (true) {
            JsonNode message = next();
            if (message.path("id").asInt(-1) == id) {
                if (message.has("error")) {
                    throw new AssertionError(method + ": " + message.path("error"));
                }
                return message.path("result");
            }
        }
    }

    @Override
    public void close() {
        socket.abort();
        stop();
    }

    private void stop() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly().onExit().join();
        client.shutdownNow();
        // A dying helper process may still write here; what it leaves is left to the system.
        try (Stream<Path> files = Files.walk(profile)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException | UncheckedIOException exception) {
            System.err.println("Not deleted: " + profile + ", " + exception.getMessage());
        }
    }

    private int send(String method, Map<String, ?> parameters) {
        int id = ++calls;
        socket.sendText(JSON.writeValueAsString(Map.of("id", id, "method", method, "params", parameters)), true)
                .join();
        return id;
    }

    private JsonNode next() throws InterruptedException {
        JsonNode message = messages.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        if (message == null) {
            throw new AssertionError("the browser did not answer");
        }
        return message;
    }

    private int port(Path file) throws IOException, InterruptedException {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() < end && process.isAlive()) {
            if (Files.exists(file)) {
                List<String> lines = Files.readAllLines(file);
                if (lines.size() >= 2) {
                    return Integer.parseInt(lines.getFirst());
                }
            }
            Thread.sleep(50);
        }
        throw new IOException("the browser did not start");
    }

    private final class Listener implements WebSocket.Listener {
        private final StringBuilder text = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket webSocket, CharSequence data, boolean last) {
            text.append(data);
            if (last) {
                messages.add(JSON.readTree(text.toString()));
                text.setLength(0);
            }
            webSocket.request(1);
            return null;
        }
    }
}
