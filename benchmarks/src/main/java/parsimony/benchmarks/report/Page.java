package parsimony.benchmarks.report;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import parsimony.benchmarks.result.ResultFile;

/**
 * An HTML page that needs nothing else: style, script, chart library and record are inside it, and its content policy forbids it the network. A page
 * {@code name} is made of the template {@code name.html}, which is put into that of all pages, {@code page.html}, and of the script {@code name.js}.
 */
final class Page {
    private static final Pattern PLACEHOLDER = Pattern.compile("\\{\\{(\\w+)}}");

    private final String name;
    private final Map<String, String> parts = new HashMap<>();

    Page(String name) {
        this.name = name;
    }

    /** Says what a placeholder of the template stands for. */
    Page put(String placeholder, String html) {
        parts.put(placeholder, html);
        return this;
    }

    /** Gives the script its record. */
    Page record(String json) {
        // Nothing in it may end the script element that it stands in.
        return put(
                "record", json.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"));
    }

    /**
     * Writes the page whole or not at all; its folder is made if there is none.
     *
     * @throws IOException if the disk does not take it
     */
    void write(Path file) throws IOException {
        put("style", resource("page.css"));
        put("script", resource(name + ".js"));
        put("charts", chartLibrary());
        put("content", filled(name + ".html", parts));
        ResultFile.replace(file, filled("page.html", parts));
    }

    /** One pass over a template, so that what was put in is never searched for placeholders. */
    static String filled(String template, Map<String, String> parts) throws IOException {
        return PLACEHOLDER.matcher(resource(template)).replaceAll(match -> {
            String part = parts.get(match.group(1));
            if (part == null) {
                throw new IllegalStateException(template + " asks for " + match.group());
            }
            return Matcher.quoteReplacement(part);
        });
    }

    /** A fact for the list in the page's header. */
    static String fact(String name, String value, String detail) {
        return "<div><dt>%s</dt><dd>%s<span>%s</span></dd></div>\n"
                .formatted(escaped(name), escaped(value), escaped(detail));
    }

    /** A term of a list and what it stands for. */
    static String term(String name, String value) {
        return "<div><dt>%s</dt><dd>%s</dd></div>\n".formatted(escaped(name), escaped(value));
    }

    /** Keeps numbers and their units on one line. */
    static String unbroken(String html) {
        return html.replaceAll("(?<=\\d) (?=%|MB|GB)", "&nbsp;");
    }

    static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;")
                .replace("'", "&#39;");
    }

    /** The part of Apache ECharts that has scatter plots and lines, behind the notices that its licence asks to be passed on. */
    private static String chartLibrary() throws IOException {
        Properties artifact = new Properties();
        try (InputStream stream = open("/META-INF/maven/org.webjars.npm/echarts/pom.properties")) {
            artifact.load(stream);
        }
        String folder = "/META-INF/resources/webjars/echarts/" + artifact.getProperty("version") + "/";
        String library = resource(folder + "dist/echarts.common.min.js");
        if (library.contains("</script") || library.contains("<!--")) {
            throw new IllegalStateException("the chart library cannot be put inside a page");
        }
        return "/*\n%s\n%s*/\n%s"
                .formatted(resource(folder + "NOTICE"), resource(folder + "licenses/LICENSE-d3"), library);
    }

    private static String resource(String name) throws IOException {
        try (InputStream stream = open(name)) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static InputStream open(String name) {
        InputStream stream = Page.class.getResourceAsStream(name);
        if (stream == null) {
            throw new IllegalStateException("the class path lacks " + name);
        }
        return stream;
    }
}
