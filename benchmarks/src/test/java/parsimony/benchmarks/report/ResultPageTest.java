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
import parsimony.benchmarks.result.Result;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.SampleResult;
import parsimony.core.technique.Techniques;
import tools.jackson.databind.json.JsonMapper;

class ResultPageTest {
    @TempDir
    Path folder;

    @Test
    void holdsEveryRowAndAllThatIsNeededToRepeatIt() throws IOException {
        Result result = SampleResult.compression();
        String page = page(result);
        for (Row row : result.rows()) {
            assertThat(page).contains("<th scope=\"row\" data-value=\"" + row.name() + "\">" + row.series());
        }
        assertThat(page)
                .contains(result.command())
                .contains(result.model().sha256())
                .contains(result.texts().getFirst().sha256())
                .contains(result.protocol().getFirst())
                .contains(result.machine().processor())
                .contains("<title>4.4 times smaller, 0.8&nbsp;% more bits per byte · Parsimony</title>");
        assertThat(record(page)).isEqualTo(result);
    }

    @Test
    void bringsItsLibraryAndLoadsNothing() throws IOException {
        String page = page(SampleResult.compression());
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
        Result result = SampleResult.compression(List.of(
                SampleResult.row("dense", "dense", "", 32, 0, 1, 1),
                SampleResult.row("rtn", "rtn", "", 4, 0.001, 1, 1)));
        assertThat(page(result)).contains(" is <code>rtn</code>: ").contains("of the dense one&#39;s ");
    }

    @Test
    void letsNoTextBecomeMarkup() throws IOException {
        String evil = "</script><script>document.title='broken'</script><img src=x onerror=\"x\"> & '{{style}} $1 \\";
        List<Row> rows = new ArrayList<>(SampleResult.compression().rows());
        rows.add(SampleResult.row("x:" + evil, evil, evil, 2, -0.1, 1, 1));
        Result result = new Result(
                "compression",
                evil,
                evil,
                evil + "`" + evil + "`",
                List.of(evil),
                evil,
                new Result.ModelRecord(evil, evil, 1),
                List.of(new Result.TextRecord(evil, evil, 1)),
                new Result.MachineRecord(evil, evil, 1, 1, 1, evil, evil, evil, evil),
                1,
                SampleResult.compression().columns(),
                SampleResult.compression().charts(),
                rows,
                List.of(evil));
        String page = page(result);
        assertThat(page.split("<script", -1)).hasSize(4);
        assertThat(page.split("</script", -1)).hasSize(4);
        String words = page.substring(page.indexOf("<body"), page.indexOf("<script"));
        assertThat(words)
                .doesNotContain("<img")
                .contains("&lt;img src=x onerror=&quot;x&quot;&gt; &amp; &#39;{{style}} $1 \\");
        assertThat(record(page)).isEqualTo(result);
    }

    @Test
    void writesADashForWhatIsNoNumber() throws IOException {
        List<Row> rows = new ArrayList<>(SampleResult.compression().rows());
        rows.add(SampleResult.row("x:y", "x", "", 2, Double.NaN, Double.POSITIVE_INFINITY, 1));
        assertThat(page(SampleResult.compression(rows)))
                .doesNotContain(">NaN")
                .contains("<td data-value=\"\" class=\"collapsed\">—");
    }

    private String page(Result result) throws IOException {
        Path file = folder.resolve("report.html");
        ResultPage.write(List.of(result), List.of(), file);
        return Files.readString(file);
    }

    @Test
    void aPageOfSeveralHasAnArticleAndALinkForEach() throws IOException {
        Path file = folder.resolve("all.html");
        ResultPage.write(
                List.of(SampleResult.compression(), SampleResult.attention(), SampleResult.benchmark()),
                List.of(),
                file);
        assertThat(Files.readString(file))
                .contains("<article class=\"result\" id=\"compression\" data-result=\"0\">")
                .contains("<article class=\"result\" id=\"attention\" data-result=\"1\">")
                .contains("<article class=\"result\" id=\"GemmBenchmark\" data-result=\"2\">")
                .contains("<a href=\"#attention\">Attention over the &lt;length&gt; of the text</a>")
                .contains("<td data-value=\"shape=64x64x32\" class=\"words\">shape=64x64x32</td>");
    }

    @Test
    void besideAnEarlierResultEachNumberShowsWhatItWas() throws IOException {
        List<Row> rows = new ArrayList<>(SampleResult.compression().rows());
        rows.set(5, SampleResult.row("rtn:bits=4", "rtn", "", 4.13, 0.05, 1.52, 2.5));
        Path file = folder.resolve("difference.html");
        ResultPage.write(
                List.of(SampleResult.compression(rows)),
                List.of(SampleResult.attention(), SampleResult.compression()),
                file);
        assertThat(Files.readString(file))
                .contains(" class=\"better\">1.090<span>ppl 11.48</span><span class=\"was\">was 1.111</span>")
                .contains(" class=\"worse\">2.50×")
                .contains("better and 1 worse by more than noise");
    }

    @Test
    void tellsTheIdeaOfEachTechniqueItsPaperAndItsOptions() throws IOException {
        assertThat(page(SampleResult.compression()))
                .contains("<dt>gptq</dt><dd>"
                        + Page.escaped(Techniques.named("gptq").idea()))
                .contains("<cite>GPTQ: Accurate Quantization for Generative Pre-trained Transformers</cite>")
                .contains("actOrder=false</code>")
                .contains("parsimony.quantization.Gptq");
    }

    private static Result record(String page) {
        Matcher matcher = Pattern.compile(
                        "<script type=\"application/json\" id=\"record\">(.*?)</script>", Pattern.DOTALL)
                .matcher(page);
        assertThat(matcher.find()).isTrue();
        return JsonMapper.shared().readValue(matcher.group(1), Result[].class)[0];
    }
}
