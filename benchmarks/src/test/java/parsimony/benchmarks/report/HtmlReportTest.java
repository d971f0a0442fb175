package parsimony.benchmarks.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.benchmarks.compare.Comparison;
import parsimony.benchmarks.compare.Measurement;
import tools.jackson.databind.json.JsonMapper;

class HtmlReportTest {
    @TempDir
    Path folder;

    @Test
    void holdsEveryRowAndAllThatIsNeededToRepeatIt() throws IOException {
        Comparison comparison = SampleComparison.comparison();
        String page = page(comparison);
        for (Measurement row : comparison.rows()) {
            assertThat(page).contains("<th scope=\"row\" data-value=\"" + row.technique() + "\">" + row.name());
            assertThat(page).contains(row.title());
        }
        assertThat(page)
                .contains(comparison.command())
                .contains(comparison.model().sha256())
                .contains(comparison.text().sha256())
                .contains(comparison.text().protocol())
                .contains(comparison.machine().processor())
                .contains("<title>4.4 times smaller, 0.8&nbsp;% more bits per byte · Parsimony</title>");
        assertThat(record(page)).isEqualTo(comparison);
    }

    @Test
    void bringsItsLibraryAndLoadsNothing() throws IOException {
        String page = page(SampleComparison.comparison());
        assertThat(page.length()).isLessThan(1_000_000);
        assertThat(page)
                .contains("Licensed to the Apache Software Foundation (ASF)")
                .contains("Mike Bostock")
                .contains("default-src 'none'")
                .doesNotContain("{{");
        assertThat(page.substring(0, page.indexOf("<script")))
                .doesNotContainPattern("<(img|link|iframe)[^>]*\\s(src|href)=");
    }

    @Test
    void setsTheTechniqueThatWasFoundAsCodeAndNoOtherWord() throws IOException {
        Comparison comparison = SampleComparison.with(List.of(
                SampleComparison.row("dense", "dense", "", 32, 0, 1, 1),
                SampleComparison.row("rtn", "rtn", "", 4, 0.001, 1, 1)));
        assertThat(page(comparison)).contains(" is <code>rtn</code>: ").contains("of the dense one&#39;s ");
    }

    @Test
    void letsNoTextBecomeMarkup() throws IOException {
        String evil = "</script><script>document.title='broken'</script><img src=x onerror=\"x\"> & '{{style}} $1 \\";
        List<Measurement> rows = new ArrayList<>(SampleComparison.comparison().rows());
        rows.add(SampleComparison.row("x:" + evil, evil, evil, 2, -0.1, 1, 1));
        Comparison sample = SampleComparison.with(rows);
        Comparison comparison = new Comparison(
                evil,
                new Comparison.ModelRecord(evil, evil, 1),
                new Comparison.TextRecord(evil, evil, 1, 1, evil),
                new Comparison.MachineRecord(evil, evil, 1, 1, 1, evil, evil, evil, evil),
                sample.seed(),
                rows,
                List.of(evil));
        String page = page(comparison);
        assertThat(page.split("<script", -1)).hasSize(4);
        assertThat(page.split("</script", -1)).hasSize(4);
        String words = page.substring(page.indexOf("<body"), page.indexOf("<script"));
        assertThat(words)
                .doesNotContain("<img")
                .contains("&lt;img src=x onerror=&quot;x&quot;&gt; &amp; &#39;{{style}} $1 \\");
        assertThat(record(page)).isEqualTo(comparison);
    }

    @Test
    void writesADashForWhatIsNoNumber() throws IOException {
        List<Measurement> rows = new ArrayList<>(SampleComparison.comparison().rows());
        rows.add(SampleComparison.row("x:y", "x", "", 2, Double.NaN, Double.POSITIVE_INFINITY, 1));
        assertThat(page(SampleComparison.with(rows)))
                .doesNotContain(">NaN")
                .contains("<td data-value=\"\" class=\"collapsed\">—");
    }

    private String page(Comparison comparison) throws IOException {
        Path file = folder.resolve("report.html");
        HtmlReport.write(comparison, file);
        return Files.readString(file);
    }

    private static Comparison record(String page) {
        Matcher matcher = Pattern.compile(
                        "<script type=\"application/json\" id=\"record\">(.*?)</script>", Pattern.DOTALL)
                .matcher(page);
        assertThat(matcher.find()).isTrue();
        return JsonMapper.shared().readValue(matcher.group(1), Comparison.class);
    }
}
