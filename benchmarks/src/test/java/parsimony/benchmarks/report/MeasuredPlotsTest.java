package parsimony.benchmarks.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import parsimony.benchmarks.result.Result;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.ResultFile;
import parsimony.core.technique.Techniques;

/**
 * The plots in the documents are those of the page of results, of the results in {@code docs/measured}. With {@code -Dparsimony.update=true} they are drawn anew, by a
 * browser; otherwise each must have been drawn of what is there now.
 */
class MeasuredPlotsTest {
    /** Tests run in the module's folder. */
    private static final Path ROOT = Path.of("..");

    private static final Path MEASURED = Path.of("docs", "measured");

    /** Not the models that are made worse to show what helps. */
    private static final Predicate<Row> ALL = row -> !row.series().contains("planted-outliers");

    @TempDir
    private Path folder;

    /**
     * A plot in a document.
     *
     * @param picture from the project's root
     * @param result a file in docs/measured
     * @param chart the keys of its columns
     * @param shown which rows
     */
    record Plot(String picture, String result, String chart, int height, Predicate<Row> shown) {
        @Override
        public String toString() {
            return picture;
        }
    }

    static List<Plot> plots() {
        return Stream.of(
                        new Plot("docs/compare.svg", "compare", "diskBytes/bitsPerByte", 460, ALL),
                        new Plot("core/plot.svg", "compare", "bitsPerWeight/decodeRatio", 440, ALL),
                        new Plot(
                                "quantization/plot.svg",
                                "compare",
                                "bitsPerWeight/bitsPerByte",
                                460,
                                module("quantization")),
                        new Plot("pruning/plot.svg", "compare", "diskBytes/bitsPerByte", 400, module("pruning")),
                        new Plot("lora/plot.svg", "finetune", "trainable/gain", 420, ALL),
                        new Plot("attention/plot.svg", "attention", "tokens/bits", 420, ALL),
                        new Plot("kvcache/plot.svg", "kvcache", "share/loss", 420, ALL),
                        new Plot("speculative/plot.svg", "speculative", "perPass/speed", 420, ALL),
                        new Plot("benchmarks/plot.svg", "GemmBenchmark", "case/gigaflop", 0, ALL))
                .toList();
    }

    /** Rows of dense models and of techniques of one module. */
    private static Predicate<Row> module(String module) {
        List<String> names = Techniques.all().stream()
                .filter(technique -> technique.getClass().getName().startsWith("parsimony." + module + ".")
                        || technique.name().equals("dense"))
                .map(technique -> technique.name())
                .toList();
        return ALL.and(row -> names.contains(row.series()));
    }

    @ParameterizedTest
    @MethodSource("plots")
    void isDrawnOfTheResultThatIsThere(Plot plot) throws IOException, InterruptedException {
        Path file = ROOT.resolve(MEASURED).resolve(plot.result + ".json");
        String origin = "<!-- " + plot.chart + " of "
                + MEASURED.resolve(plot.result + ".json").toString().replace('\\', '/') + ", SHA-256 "
                + sha256(Files.readAllBytes(file)) + " -->";
        Path picture = ROOT.resolve(plot.picture);
        if (Boolean.getBoolean("parsimony.update")) {
            Files.writeString(picture, draw(plot, ResultFile.read(file)) + "\n" + origin + "\n");
        }
        assertThat(picture)
                .as("stale: run the tests of benchmarks with -Dparsimony.update=true and a Chromium")
                .content()
                .startsWith("<svg")
                .endsWith(origin + "\n");
    }

    private String draw(Plot plot, Result result) throws IOException, InterruptedException {
        Path page = folder.resolve("page.html");
        List<Row> rows = result.rows().stream().filter(plot.shown).toList();
        ResultPage.write(List.of(with(result, rows)), List.of(), page);
        try (Chromium browser = new Chromium(Chromium.find().orElseThrow())) {
            browser.view(1000, 900, false, "screen");
            browser.open(page);
            browser.evaluate("document.querySelectorAll('.pair').forEach(pair => pair.style.display = 'block')");
            String node = "document.querySelector('[data-plot=\"" + plot.chart + "\"]')";
            if (plot.height > 0) {
                browser.evaluate(node + ".style.height = '" + plot.height + "px'");
            }
            browser.evaluate("new Promise(done => setTimeout(() => requestAnimationFrame(done), 300))");
            // A legend, as the page's own stands outside of the plot, and the page's colour behind all of it.
            return browser.evaluate("""
                            (() => {
                              const svg = %s.querySelector('svg').cloneNode(true);
                              const width = Number(svg.getAttribute('width'));
                              const height = Number(svg.getAttribute('height'));
                              const buttons = [...document.querySelectorAll('.legend button')];
                              const style = getComputedStyle(document.documentElement);
                              const pen = document.createElement('canvas').getContext('2d');
                              pen.font = '13px sans-serif';
                              let x = 8;
                              let y = height + 18;
                              let legend = '';
                              for (const button of buttons) {
                                const name = button.textContent;
                                const length = pen.measureText(name).width + 42;
                                if (x + length > width) {
                                  x = 8;
                                  y += 22;
                                }
                                const glyph = button.querySelector('path');
                                const colour = style.getPropertyValue(glyph.style.fill.slice(4, -1)).trim();
                                legend += `<path transform="translate(${x} ${y - 10}) scale(0.55)" d="${glyph.getAttribute('d')}" fill="${colour}"/>`
                                    + `<text x="${x + 17}" y="${y}" font-size="13" font-family="sans-serif" fill="#1d1f23">${name}</text>`;
                                x += length;
                              }
                              const whole = y + 14;
                              svg.setAttribute('height', whole);
                              svg.setAttribute('viewBox', `0 0 ${width} ${whole}`);
                              svg.removeAttribute('style');
                              const back = `<rect width="${width}" height="${whole}" fill="${style.getPropertyValue('--page').trim()}"/>`;
                              return svg.outerHTML.replace(/^(<svg[^>]*>)/, '$1' + back).replace(/<\\/svg>$/, legend + '</svg>');
                            })()""".formatted(node)).asString();
        }
    }

    private static Result with(Result result, List<Row> rows) {
        return new Result(
                result.suite(),
                result.title(),
                result.headline(),
                result.finding(),
                result.protocol(),
                result.command(),
                result.model(),
                result.texts(),
                result.machine(),
                result.seed(),
                result.columns(),
                result.charts(),
                rows,
                result.missing());
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(bytes))
                    .substring(0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }
}
