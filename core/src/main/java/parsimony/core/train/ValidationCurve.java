package parsimony.core.train;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import parsimony.core.AtomicFile;
import parsimony.core.ModelFormatException;

/** How well a model in training predicts text that it is not trained on, now and then, as a table in a CSV file. */
public final class ValidationCurve {
    private static final String HEADER = "step,bitsPerByte";

    private final Path file;
    private final List<Point> points = new ArrayList<>();

    private ValidationCurve(Path file) {
        this.file = file;
    }

    /** @param step updates before it was measured */
    public record Point(int step, double bitsPerByte) {}

    /** A curve without points, which is not written anywhere. */
    public static ValidationCurve none() {
        return new ValidationCurve(null);
    }

    /**
     * Takes up what the file holds up to step {@code steps}, if there is one.
     *
     * @throws ModelFormatException if it holds something else
     */
    public static ValidationCurve open(Path file, int steps) throws IOException {
        ValidationCurve curve = new ValidationCurve(file);
        if (steps == 0 || !Files.exists(file)) {
            return curve;
        }
        List<String> lines = Files.readAllLines(file);
        for (int row = 1; row < lines.size(); row++) {
            String[] cells = lines.get(row).split(",", -1);
            try {
                Point point = new Point(Integer.parseInt(cells[0]), Double.parseDouble(cells[1]));
                if (point.step <= steps) {
                    curve.points.add(point);
                }
            } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
                throw new ModelFormatException(
                        file,
                        -1,
                        "line " + (row + 1) + " is no row of a validation curve; remove the file to go on without it");
            }
        }
        return curve;
    }

    /** Adds a point, unless there is one for this step, and writes the file whole or not at all. */
    public void add(int step, double bitsPerByte) throws IOException {
        if (points.stream().noneMatch(point -> point.step == step)) {
            points.add(new Point(step, bitsPerByte));
        }
        if (file != null) {
            StringBuilder csv = new StringBuilder(HEADER).append('\n');
            points.forEach(point -> csv.append(String.format(Locale.ROOT, "%d,%.6f\n", point.step, point.bitsPerByte)));
            AtomicFile.write(file, csv.toString().getBytes(StandardCharsets.UTF_8));
        }
    }

    /** All points so far. */
    public List<Point> points() {
        return Collections.unmodifiableList(points);
    }
}
