package parsimony.benchmarks.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import parsimony.benchmarks.result.Result;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.SampleResult;
import tools.jackson.databind.JsonNode;

/** Uses the page as a reader does, in a browser if one is installed. Leaves pictures in {@code target/report}. */
class ResultPageBrowserTest {
    private static final Result RESULT = SampleResult.compression();
    private static final Path PICTURES = Path.of("target/report");

    /** Lets layout and observers come to rest. */
    private static final String SETTLED = "new Promise(done => setTimeout(() => requestAnimationFrame(done), 150))";

    /** The colour of the first technique that is not dense. */
    private static final String LIGHT_BLUE = "#0b6bb5";

    private static final String DARK_BLUE = "#62aef0";

    private static Path page;
    private static Chromium browser;

    @BeforeAll
    static void start() throws IOException, InterruptedException {
        Optional<Path> executable = Chromium.find();
        assumeTrue(executable.isPresent(), "no Chromium on the PATH");
        page = PICTURES.resolve("sample.html").toAbsolutePath();
        ResultPage.write(List.of(RESULT), List.of(), page);
        browser = new Chromium(executable.get());
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
    void sortsByAColumnBothWays() throws InterruptedException {
        browser.click("th[data-key=diskBytes] button");
        assertThat(techniques()).isEqualTo(sorted(comparing("diskBytes")));
        browser.click("th[data-key=decodeRatio] button");
        assertThat(techniques())
                .startsWith("rtn:bits=2")
                .isEqualTo(sortedAfter(
                        comparing("diskBytes"), comparing("decodeRatio").reversed()));
        assertThat(text("document.querySelector('th[data-key=decodeRatio]').ariaSort"))
                .isEqualTo("descending");
        browser.click("th[data-key=decodeRatio] button");
        assertThat(techniques()).endsWith("rtn:bits=2");
        assertThat(browser.evaluate("document.querySelectorAll('th[aria-sort]').length")
                        .asInt())
                .isEqualTo(1);
    }

    @Test
    void filtersTheTable() throws InterruptedException {
        browser.click(".filter input");
        browser.type("bits=3 GPTQ");
        assertThat(techniques()).containsExactly("gptq:bits=3,group=32,actOrder=true");
        assertThat(text("document.querySelector('.filter output').textContent")).isEqualTo("1 of 20");
        browser.evaluate("document.querySelector('.filter input').select()");
        browser.type(" ");
        assertThat(techniques()).hasSize(RESULT.rows().size());
    }

    @Test
    void togglesASeriesInEveryPlot() throws InterruptedException {
        assertThat(browser.evaluate("document.querySelectorAll('.legend button').length")
                        .asInt())
                .isEqualTo(6);
        List<Integer> before = marks();
        browser.click(".legend button:nth-child(2)");
        assertThat(text("document.querySelector('.legend button:nth-child(2)').ariaPressed"))
                .isEqualTo("false");
        List<Integer> without = marks();
        for (int plot = 0; plot < 3; plot++) {
            assertThat(without.get(plot)).isEqualTo(before.get(plot) - 9);
        }
        browser.click(".legend button:nth-child(2)");
        assertThat(marks()).isEqualTo(before);
    }

    @Test
    void namesThePointUnderTheMouse() throws IOException, InterruptedException {
        browser.evaluate(
                "document.querySelector('[data-plot^=diskBytes]').scrollIntoView({block: 'center', behavior: 'instant'})");
        browser.evaluate(SETTLED);
        JsonNode at = browser.evaluate("""
                (() => {
                  const plot = document.querySelector('[data-plot^=diskBytes]');
                  const box = plot.getBoundingClientRect();
                  const pixel = echarts.getInstanceByDom(plot).convertToPixel({gridIndex: 0}, [%s, %s]);
                  return [box.x + pixel[0], box.y + pixel[1]];
                })()""".formatted(
                        RESULT.rows().getFirst().value("diskBytes") / 1e6,
                        RESULT.rows().getFirst().value("bitsPerByte")));
        browser.mouse("mouseMoved", at);
        browser.screenshot(PICTURES.resolve("hover.png"), false);
        assertThat(text("document.querySelector('[data-plot^=diskBytes] .tip')?.textContent"))
                .contains("dense:type=f32")
                .contains("1.040")
                .contains("25.2 MB");
    }

    @Test
    void severalResultsLiveOnOnePage() throws IOException, InterruptedException {
        Path all = PICTURES.resolve("several.html").toAbsolutePath();
        ResultPage.write(List.of(RESULT, SampleResult.attention(), SampleResult.benchmark()), List.of(), all);
        assertThat(browser.open(all)).containsExactly(all.toUri().toString());
        browser.evaluate(SETTLED);
        browser.click("#attention th[data-key=memory] button");
        assertThat(strings("[...document.querySelectorAll('#attention tbody tr')].map(r => r.cells[3].textContent)"))
                .startsWith("15 kB", "30 kB", "60 kB")
                .endsWith("64.0 MB", "256.0 MB");
        int before = paths("#attention");
        int others = paths("#compression") + paths("#GemmBenchmark");
        browser.click("#attention .legend button");
        assertThat(paths("#attention")).isLessThan(before);
        assertThat(paths("#compression") + paths("#GemmBenchmark")).isEqualTo(others);
        browser.click("#attention .legend button");
        assertThat(paths("#attention")).isEqualTo(before);
        browser.click("#attention .filter input");
        browser.type("flash");
        assertThat(
                        strings(
                                "[...document.querySelectorAll('#attention tbody tr:not([hidden]) th')].map(r => r.dataset.value)"))
                .containsOnly("flash")
                .hasSize(5);
        assertThat(text("document.querySelector('#GemmBenchmark [data-plot]').textContent"))
                .contains("shape=8192x256x256", "380");
        look("several", 1280, 900, false, "screen");
        look("several-phone", 390, 844, true, "screen");
    }

    private static int paths(String article) throws InterruptedException {
        return browser.evaluate("document.querySelectorAll('" + article + " [data-plot] path').length")
                .asInt();
    }

    private static List<String> strings(String script) throws InterruptedException {
        return browser.evaluate(script).valueStream().map(JsonNode::asString).toList();
    }

    @Test
    void copesWithNothingToPlot() throws IOException, InterruptedException {
        Path odd = PICTURES.resolve("nothing.html").toAbsolutePath();
        ResultPage.write(
                List.of(SampleResult.compression(
                        List.of(SampleResult.row("dense:type=f32", "dense", "", 32, Double.NaN, 1, Double.NaN)))),
                List.of(),
                odd);
        assertThat(browser.open(odd)).containsExactly(odd.toUri().toString());
        browser.click(".legend button");
        browser.click("th[data-key=bitsPerByte] button");
        assertThat(techniques()).containsExactly("dense:type=f32");
    }

    @Test
    void showsWhatIsFarOffOnDemand() throws InterruptedException {
        assertThat(text("document.querySelector('[data-plot^=diskBytes]').textContent"))
                .contains("↑ 6.24");
        browser.click(".range button[data-range=all]");
        browser.evaluate(SETTLED);
        assertThat(text("document.querySelector('[data-plot^=diskBytes]').textContent"))
                .doesNotContain("↑");
    }

    @Test
    void fitsScreensAndFollowsTheirColours() throws IOException, InterruptedException {
        for (boolean dark : new boolean[] {false, true}) {
            look("desktop", 1280, 900, dark, "screen");
            assertThat(plot()).contains(dark ? DARK_BLUE : LIGHT_BLUE);
            look("phone", 390, 844, dark, "screen");
            assertThat(plot()).contains(dark ? DARK_BLUE : LIGHT_BLUE);
        }
    }

    @Test
    void printsInLightColours() throws IOException, InterruptedException {
        look("paper", 690, 980, true, "print");
        assertThat(plot()).contains(LIGHT_BLUE).doesNotContain(DARK_BLUE);
        assertThat(text("getComputedStyle(document.querySelector('.filter')).display"))
                .isEqualTo("none");
    }

    /** Takes pictures, and sees that nothing sticks out sideways. */
    private static void look(String name, int width, int height, boolean dark, String medium)
            throws IOException, InterruptedException {
        browser.view(width, height, dark, medium);
        browser.evaluate(SETTLED);
        String picture = name + (dark ? "-dark" : "-light");
        browser.screenshot(PICTURES.resolve(picture + ".png"), false);
        browser.screenshot(PICTURES.resolve(picture + "-whole.png"), true);
        assertThat(browser.evaluate("document.documentElement.scrollWidth").asInt())
                .as(picture)
                .isEqualTo(width);
    }

    private static String plot() throws InterruptedException {
        return text("document.querySelector('[data-plot^=diskBytes]').innerHTML");
    }

    private static String text(String expression) throws InterruptedException {
        return browser.evaluate(expression).asString("");
    }

    /** The specifications of the rows that are shown, in their order. */
    private static List<String> techniques() throws InterruptedException {
        return browser.evaluate(
                        "[...document.querySelectorAll('tbody tr:not([hidden]) th')].map(cell => cell.dataset.value)")
                .valueStream()
                .map(JsonNode::asString)
                .toList();
    }

    /** How many points of techniques each plot shows. */
    private static List<Integer> marks() throws InterruptedException {
        browser.evaluate(SETTLED);
        return browser.evaluate("""
                        [...document.querySelectorAll('[data-plot]')]
                            .map(plot => echarts.getInstanceByDom(plot).getOption().series)
                            .map(series => series.filter(one => one.type === 'scatter').flatMap(one => one.data).length)
                        """).valueStream().map(JsonNode::asInt).toList();
    }

    private static Comparator<Row> comparing(String key) {
        return Comparator.comparingDouble(row -> row.value(key));
    }

    private static List<String> sorted(Comparator<Row> order) {
        return RESULT.rows().stream().sorted(order).map(Row::name).toList();
    }

    private static List<String> sortedAfter(Comparator<Row> before, Comparator<Row> order) {
        return RESULT.rows().stream()
                .sorted(before)
                .sorted(order)
                .map(Row::name)
                .toList();
    }
}
