package parsimony.benchmarks.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import parsimony.benchmarks.suite.SuiteResult;
import parsimony.benchmarks.suite.SuiteResult.Chart;
import parsimony.benchmarks.suite.SuiteResult.Column;
import parsimony.benchmarks.suite.SuiteResult.Row;
import parsimony.benchmarks.suite.SuiteResult.Unit;
import tools.jackson.databind.JsonNode;

/** Uses a suite's page as a reader does, in a browser if one is installed. Leaves a picture in {@code target/report}. */
class SuitePageBrowserTest {
    private static final Path PICTURES = Path.of("target/report");

    private static Path page;
    private static Chromium browser;

    @BeforeAll
    static void start() throws IOException, InterruptedException {
        Optional<Path> executable = Chromium.find();
        assumeTrue(executable.isPresent(), "no Chromium on the PATH");
        page = PICTURES.resolve("suite.html").toAbsolutePath();
        SuitePage.write(sample(), page);
        browser = new Chromium(executable.get());
    }

    private static SuiteResult sample() {
        List<Row> rows = new ArrayList<>();
        for (int tokens = 512; tokens <= 8192; tokens *= 2) {
            double n = tokens / 1024.0;
            rows.add(new Row(
                    "naive",
                    "naive",
                    "Attention Is All You Need",
                    Map.of("tokens", (double) tokens, "seconds", 0.02 * n * n, "memory", 4e6 * n * n)));
            rows.add(new Row(
                    "flash",
                    "flash",
                    "FlashAttention-2",
                    Map.of("tokens", (double) tokens, "seconds", 0.004 * n * n, "memory", 30e3 * n)));
        }
        return new SuiteResult(
                "attention",
                "Attention over the <length> of the text",
                List.of("One head."),
                "./parsimony compare --suite attention",
                SampleComparison.comparison().model(),
                SampleComparison.comparison().machine(),
                1,
                List.of(
                        new Column("tokens", "tokens", "Tokens", "of the text", Unit.COUNT, true),
                        new Column("seconds", "time", "Time", "of one head", Unit.SECONDS, false),
                        new Column("memory", "memory", "Memory", "of one run", Unit.BYTES, false),
                        new Column("error", "error", "Error", "nowhere measured", Unit.SCIENTIFIC, false)),
                List.of(
                        new Chart("Time", "Down is better.", "tokens", "seconds", true, true, true),
                        new Chart("Memory", "Down is better.", "tokens", "memory", true, true, true)),
                rows,
                List.of("performer"));
    }

    @AfterAll
    static void stop() {
        if (browser != null) {
            browser.close();
        }
    }

    @BeforeEach
    void open() throws InterruptedException {
        browser.view(1280, 900, false, "screen");
        assertThat(browser.open(page)).containsExactly(page.toUri().toString());
    }

    @Test
    void sortsFiltersAndTogglesASeries() throws Exception {
        assertThat(strings("[...document.querySelectorAll('h1')].map(h => h.textContent)"))
                .containsExactly("Attention over the <length> of the text");
        browser.click("th[data-key=memory] button");
        assertThat(strings("[...document.querySelectorAll('tbody tr')].map(r => r.cells[3].textContent)"))
                .startsWith("15 kB", "30 kB", "60 kB")
                .endsWith("64.0 MB", "256.0 MB");
        int before = points();
        browser.click("#legend button");
        assertThat(points()).isLessThan(before);
        browser.click("#legend button");
        assertThat(points()).isEqualTo(before);
        browser.click("#filter");
        browser.type("flash");
        assertThat(strings("[...document.querySelectorAll('tbody tr:not([hidden]) th')].map(r => r.dataset.value)"))
                .containsOnly("flash")
                .hasSize(5);
        browser.screenshot(PICTURES.resolve("suite.png"), true);
    }

    private static int points() throws InterruptedException {
        return browser.evaluate("document.querySelectorAll('[data-plot] path').length")
                .asInt();
    }

    private static List<String> strings(String script) throws InterruptedException {
        return browser.evaluate(script).valueStream().map(JsonNode::asString).toList();
    }
}
