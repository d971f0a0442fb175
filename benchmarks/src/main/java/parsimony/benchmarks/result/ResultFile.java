package parsimony.benchmarks.result;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import parsimony.core.AtomicFile;
import tools.jackson.core.JacksonException;
import tools.jackson.core.exc.StreamReadException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.exc.ValueInstantiationException;
import tools.jackson.databind.json.JsonMapper;

/** A {@link Result} as a JSON file, field for field: what the records say of a number holds in the file too. */
public final class ResultFile {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
            .build();

    private ResultFile() {}

    /**
     * Writes the file whole or not at all; its folder is made if there is none.
     *
     * @throws IOException if the disk does not take it
     */
    public static void write(Result result, Path file) throws IOException {
        replace(file, json(result) + "\n");
    }

    /**
     * Reads what {@link #write} wrote. Fields it does not know are passed over, so that a newer file can still be read.
     *
     * @throws IOException with a sentence that names the file and the place in it, if it is no result
     */
    public static Result read(Path file) throws IOException {
        try {
            Result result = MAPPER.readValue(Files.readAllBytes(file), Result.class);
            if (result == null) {
                throw new IOException(file + " is no result of compare or bench: it holds nothing");
            }
            return result;
        } catch (NoSuchFileException exception) {
            throw new IOException(file + " does not exist", exception);
        } catch (StreamReadException exception) {
            throw new IOException(
                    "%s is not valid JSON at line %d, column %d"
                            .formatted(
                                    file,
                                    exception.getLocation().getLineNr(),
                                    exception.getLocation().getColumnNr()),
                    exception);
        } catch (ValueInstantiationException exception) {
            Throwable reason = exception.getCause() == null ? exception : exception.getCause();
            throw new IOException(file + " is no result of compare or bench: " + reason.getMessage(), exception);
        } catch (JacksonException exception) {
            throw new IOException(
                    "%s is no result of compare or bench: %s is missing or not of the right kind"
                            .formatted(file, place(exception)),
                    exception);
        }
    }

    /** Results as a page's script reads them. */
    public static String json(Object result) {
        return MAPPER.writeValueAsString(result);
    }

    /** Puts a text in a file's place in one step, so that nobody ever sees half of it. */
    public static void replace(Path file, String text) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (folder != null) {
            Files.createDirectories(folder);
        }
        AtomicFile.write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    /** Where in the document reading stopped, such as {@code rows[2].quality.bitsPerByte}. */
    private static String place(JacksonException exception) {
        StringBuilder place = new StringBuilder();
        for (JacksonException.Reference step : exception.getPath()) {
            if (step.getPropertyName() == null) {
                place.append('[').append(step.getIndex()).append(']');
            } else {
                place.append(place.isEmpty() ? "" : ".").append(step.getPropertyName());
            }
        }
        return place.isEmpty() ? "the document" : place.toString();
    }
}
