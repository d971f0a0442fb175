package parsimony.core.text;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Source text, of Java unless said otherwise, out of {@code -sources.jar} files, always in the same order (jar name, then entry name), without what
 * teaches a model nothing: licence headers, generated code, package descriptions, huge tables, copies.
 *
 * <p>Text held out for evaluation is read with the same rules; {@link #dropOverlapping} then takes out of the training
 * text every file that copies from it, because open-source libraries copy each other's utility classes.
 */
public final class Corpus {
    /** Larger files are tables and generated parsers rather than code that someone wrote. */
    private static final int LARGEST_FILE = 200_000;

    /** Lines per shingle: long enough that idioms are not copies, short enough to see a copied method. */
    private static final int SHINGLE_LINES = 5;

    /** Shingles with less text than this, in letters and digits, are idioms of the language. */
    private static final int SHORTEST_SHINGLE = 60;

    private static final Pattern LICENCE = Pattern.compile("licen[cs]e|copyright", Pattern.CASE_INSENSITIVE);
    private static final Pattern GENERATED = Pattern.compile("do not (edit|modify)", Pattern.CASE_INSENSITIVE);

    /** How far into a file the remark that it is generated is looked for. */
    private static final int GENERATED_REMARK_WITHIN = 3_000;

    /**
     * One source file.
     *
     * @param name the jar's file name, {@code "!/"} and the entry's name
     * @param text the source without its licence header, lines ending in {@code \n}
     */
    public record Document(String name, String text) {}

    /** Why an entry is not part of the corpus. */
    public enum Skipped {
        /** {@code package-info.java} and {@code module-info.java}. */
        DESCRIPTION,
        /** More than 200 KB. */
        TOO_LARGE,
        /** Malformed UTF-8. */
        NOT_UTF_8,
        /** Says near its beginning that it is not to be edited. */
        GENERATED,
        /** Nothing left beside the licence header. */
        EMPTY,
        /** The same text as an earlier file's. */
        DUPLICATE
    }

    /**
     * A training file that has text in common with a held-out one.
     *
     * @param training the training file's name
     * @param heldOut the held-out file it shares most with
     * @param shareOfTraining the share of the training file's shingles that are in any held-out file
     * @param shareOfHeldOut the share of that held-out file's shingles that are in the training file
     * @param bytes the training file's length
     */
    public record Overlap(String training, String heldOut, double shareOfTraining, double shareOfHeldOut, long bytes) {}

    /**
     * The outcome of {@link #dropOverlapping}.
     *
     * @param kept the corpus without the files dropped
     * @param dropped the files dropped, the largest share first
     */
    public record Separation(Corpus kept, List<Overlap> dropped) {}

    private final List<Document> documents;
    private final Map<Skipped, Integer> skipped;

    private Corpus(List<Document> documents, Map<Skipped, Integer> skipped) {
        this.documents = List.copyOf(documents);
        this.skipped = Collections.unmodifiableMap(skipped);
    }

    /** A corpus of given documents, in their order; nothing is skipped or cut. */
    public static Corpus of(List<Document> documents) {
        return new Corpus(documents, new EnumMap<>(Skipped.class));
    }

    /**
     * Reads all {@code .java} files of some source jars.
     *
     * @throws IOException when a jar cannot be read; the message names it
     */
    public static Corpus read(Collection<Path> jars) throws IOException {
        return read(jars, ".java");
    }

    /**
     * Reads all files of some source jars whose names end in {@code extension}.
     *
     * @throws IOException when a jar cannot be read; the message names it
     */
    public static Corpus read(Collection<Path> jars, String extension) throws IOException {
        List<Path> ordered = new ArrayList<>(jars);
        ordered.sort(
                Comparator.comparing((Path jar) -> jar.getFileName().toString()).thenComparing(Path::toString));
        List<Document> documents = new ArrayList<>();
        Map<Skipped, Integer> skipped = new EnumMap<>(Skipped.class);
        Set<String> seen = new HashSet<>();
        for (Path jar : ordered) {
            readJar(jar, extension, documents, skipped, seen);
        }
        return new Corpus(documents, skipped);
    }

    private static void readJar(
            Path jar, String extension, List<Document> documents, Map<Skipped, Integer> skipped, Set<String> seen)
            throws IOException {
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            List<? extends ZipEntry> entries = zip.stream()
                    .filter(entry -> !entry.isDirectory() && entry.getName().endsWith(extension))
                    .sorted(Comparator.comparing(ZipEntry::getName))
                    .toList();
            for (ZipEntry entry : entries) {
                String text = null;
                Skipped reason = reasonToSkip(entry);
                if (reason == null) {
                    text = decode(zip, entry);
                    reason = text == null ? Skipped.NOT_UTF_8 : reasonToSkip(text);
                }
                if (reason == null) {
                    text = withoutHeader(text);
                    reason = text.isBlank() ? Skipped.EMPTY : seen.add(sha256(text)) ? null : Skipped.DUPLICATE;
                }
                if (reason == null) {
                    documents.add(new Document(jar.getFileName() + "!/" + entry.getName(), text));
                } else {
                    skipped.merge(reason, 1, Integer::sum);
                }
            }
        } catch (IOException e) {
            throw new IOException(jar + " cannot be read as a jar of sources: " + e.getMessage(), e);
        }
    }

    private static Skipped reasonToSkip(ZipEntry entry) {
        String file = entry.getName().substring(entry.getName().lastIndexOf('/') + 1);
        if (file.equals("package-info.java") || file.equals("module-info.java")) {
            return Skipped.DESCRIPTION;
        }
        return entry.getSize() > LARGEST_FILE ? Skipped.TOO_LARGE : null;
    }

    private static Skipped reasonToSkip(String text) {
        int end = Math.min(text.length(), GENERATED_REMARK_WITHIN);
        return GENERATED.matcher(text).region(0, end).find() ? Skipped.GENERATED : null;
    }

    /** The entry's text with {@code \n} line ends, or null when it is not UTF-8. */
    private static String decode(ZipFile zip, ZipEntry entry) throws IOException {
        byte[] bytes;
        try (InputStream in = zip.getInputStream(entry)) {
            bytes = in.readAllBytes();
        }
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
            return text.replace("\r\n", "\n").replace('\r', '\n');
        } catch (CharacterCodingException e) {
            return null;
        }
    }

    /**
     * The source from its {@code package} declaration on, when only comments stand before it; otherwise the source without
     * those leading comments that speak of a licence or of copyright.
     */
    static String withoutHeader(String source) {
        int licenceEnd = 0;
        int at = source.startsWith("\uFEFF") ? 1 : 0;
        while (true) {
            while (at < source.length() && Character.isWhitespace(source.charAt(at))) {
                at++;
            }
            int end;
            if (source.startsWith("//", at)) {
                end = source.indexOf('\n', at);
                end = end < 0 ? source.length() : end;
            } else if (source.startsWith("/*", at)) {
                end = source.indexOf("*/", at + 2);
                end = end < 0 ? source.length() : end + 2;
            } else {
                break;
            }
            if (LICENCE.matcher(source).region(at, end).find()) {
                licenceEnd = end;
            }
            at = end;
        }
        if (source.startsWith("package", at)) {
            return source.substring(at);
        }
        return source.substring(licenceEnd).stripLeading();
    }

    /**
     * Takes out every file that shares text with a held-out file: when at least {@code threshold} of the file's shingles
     * are in the held-out text, or when it holds at least that share of one held-out file. A shingle is five successive
     * lines, each reduced to its letters and digits, without imports and empty ones, so that layout does not hide a copy.
     *
     * @param threshold a share, above 0 and at most 1
     */
    public Separation dropOverlapping(Corpus heldOut, double threshold) {
        if (!(threshold > 0 && threshold <= 1)) {
            throw new IllegalArgumentException("threshold must be above 0 and at most 1, but is " + threshold);
        }
        Map<Long, int[]> owners = new HashMap<>();
        int[] heldOutShingles = new int[heldOut.documents.size()];
        for (int i = 0; i < heldOutShingles.length; i++) {
            Set<Long> shingles = shingles(heldOut.documents.get(i).text());
            heldOutShingles[i] = shingles.size();
            int[] owner = {i};
            for (Long shingle : shingles) {
                owners.merge(shingle, owner, Corpus::concatenate);
            }
        }
        List<Document> kept = new ArrayList<>();
        List<Overlap> dropped = new ArrayList<>();
        for (Document document : documents) {
            Overlap overlap = overlap(document, heldOut, owners, heldOutShingles);
            if (overlap != null && Math.max(overlap.shareOfTraining(), overlap.shareOfHeldOut()) >= threshold) {
                dropped.add(overlap);
            } else {
                kept.add(document);
            }
        }
        dropped.sort(Comparator.comparingDouble(
                        (Overlap overlap) -> -Math.max(overlap.shareOfTraining(), overlap.shareOfHeldOut()))
                .thenComparing(Overlap::training));
        return new Separation(new Corpus(kept, skipped), List.copyOf(dropped));
    }

    /** What the document shares with the held-out text, or null when it shares nothing. */
    private static Overlap overlap(Document document, Corpus heldOut, Map<Long, int[]> owners, int[] heldOutShingles) {
        Set<Long> shingles = shingles(document.text());
        Map<Integer, Integer> sharedWith = new HashMap<>();
        int shared = 0;
        for (Long shingle : shingles) {
            int[] files = owners.get(shingle);
            if (files != null) {
                shared++;
                for (int file : files) {
                    sharedWith.merge(file, 1, Integer::sum);
                }
            }
        }
        int closest = -1;
        double shareOfHeldOut = 0;
        for (Map.Entry<Integer, Integer> entry : sharedWith.entrySet()) {
            double share = entry.getValue() / (double) heldOutShingles[entry.getKey()];
            if (share > shareOfHeldOut || (share == shareOfHeldOut && entry.getKey() < closest)) {
                shareOfHeldOut = share;
                closest = entry.getKey();
            }
        }
        if (closest < 0) {
            return null;
        }
        return new Overlap(
                document.name(),
                heldOut.documents.get(closest).name(),
                shared / (double) shingles.size(),
                shareOfHeldOut,
                utf8Length(document.text()));
    }

    private static Set<Long> shingles(String text) {
        List<String> lines = new ArrayList<>();
        for (String line : text.lines().toList()) {
            if (!line.startsWith("import ") && !line.startsWith("package ")) {
                String normalised = lettersAndDigits(line);
                if (!normalised.isEmpty()) {
                    lines.add(normalised);
                }
            }
        }
        Set<Long> shingles = new HashSet<>();
        for (int first = 0; first + SHINGLE_LINES <= lines.size(); first++) {
            int length = 0;
            long hash = 0xcbf29ce484222325L; // 64-bit FNV-1a
            for (String line : lines.subList(first, first + SHINGLE_LINES)) {
                length += line.length();
                for (int i = 0; i < line.length(); i++) {
                    hash = (hash ^ line.charAt(i)) * 0x100000001b3L;
                }
            }
            if (length >= SHORTEST_SHINGLE) {
                shingles.add(hash);
            }
        }
        return shingles;
    }

    private static String lettersAndDigits(String line) {
        StringBuilder kept = new StringBuilder(line.length());
        for (int i = 0; i < line.length(); i++) {
            if (Character.isLetterOrDigit(line.charAt(i))) {
                kept.append(line.charAt(i));
            }
        }
        return kept.toString();
    }

    private static int[] concatenate(int[] a, int[] b) {
        int[] both = Arrays.copyOf(a, a.length + b.length);
        System.arraycopy(b, 0, both, a.length, b.length);
        return both;
    }

    /** The files, in the corpus' order. */
    public List<Document> documents() {
        return documents;
    }

    /** How many {@code .java} entries were left out, by reason. */
    public Map<Skipped, Integer> skipped() {
        return skipped;
    }

    /** The length of all texts together, in bytes of UTF-8. */
    public long bytes() {
        long bytes = 0;
        for (Document document : documents) {
            bytes += utf8Length(document.text());
        }
        return bytes;
    }

    /** SHA-256 over all names and texts, in hexadecimal: equal corpora have equal ones. */
    public String sha256() {
        MessageDigest digest = newSha256();
        for (Document document : documents) {
            digest.update(document.name().getBytes(StandardCharsets.UTF_8));
            digest.update((byte) 0);
            digest.update(document.text().getBytes(StandardCharsets.UTF_8));
            digest.update((byte) 0);
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%,d files, %.1f MB", documents.size(), bytes() / 1e6);
    }

    private static String sha256(String text) {
        return HexFormat.of().formatHex(newSha256().digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static MessageDigest newSha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    private static long utf8Length(String text) {
        long length = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            length += c < 0x80 ? 1 : c < 0x800 || Character.isSurrogate(c) ? 2 : 3;
        }
        return length;
    }
}
