package parsimony.core.io;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import parsimony.core.ModelFormatException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A JSON object from a small file, whose fields are checked as they are read. */
record Json(Path file, JsonNode node) {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    static Json read(Path file, long limit) throws IOException {
        return parse(file, MappedFile.readSmall(file, limit));
    }

    static Json parse(Path file, byte[] contents) throws ModelFormatException {
        JsonNode node;
        try {
            node = MAPPER.readTree(new String(contents, StandardCharsets.UTF_8));
        } catch (JacksonException e) {
            long place = e.getLocation() == null ? -1 : e.getLocation().getCharOffset();
            throw new ModelFormatException(file, place, "this is not JSON: " + reason(e));
        }
        if (!node.isObject()) {
            throw new ModelFormatException(file, 0, "this is not a JSON object");
        }
        return new Json(file, node);
    }

    /** The first line of a parser's complaint. */
    static String reason(JacksonException e) {
        String message = e.getOriginalMessage();
        return message == null ? "unreadable" : message.lines().findFirst().orElse("unreadable");
    }

    boolean has(String field) {
        return node.hasNonNull(field);
    }

    Json object(String field) throws ModelFormatException {
        JsonNode value = node.get(field);
        if (value == null || !value.isObject()) {
            throw wrong(field, "an object");
        }
        return new Json(file, value);
    }

    int positive(String field) throws ModelFormatException {
        JsonNode value = node.get(field);
        if (value == null || !value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() <= 0) {
            throw wrong(field, "a positive whole number");
        }
        return value.intValue();
    }

    int positive(String field, int otherwise) throws ModelFormatException {
        return has(field) ? positive(field) : otherwise;
    }

    double real(String field) throws ModelFormatException {
        JsonNode value = node.get(field);
        if (value == null || !value.isNumber() || !(value.doubleValue() > 0) || !Double.isFinite(value.doubleValue())) {
            throw wrong(field, "a positive number");
        }
        return value.doubleValue();
    }

    double real(String field, double otherwise) throws ModelFormatException {
        return has(field) ? real(field) : otherwise;
    }

    boolean truth(String field, boolean otherwise) throws ModelFormatException {
        if (!has(field)) {
            return otherwise;
        }
        if (!node.get(field).isBoolean()) {
            throw wrong(field, "true or false");
        }
        return node.get(field).booleanValue();
    }

    String string(String field, String otherwise) throws ModelFormatException {
        if (!has(field)) {
            return otherwise;
        }
        if (!node.get(field).isString()) {
            throw wrong(field, "a string");
        }
        return node.get(field).stringValue();
    }

    /** A token id, the first of a list of ids, or −1. */
    int token(String field) throws ModelFormatException {
        JsonNode value = node.get(field);
        if (value != null && value.isArray()) {
            value = value.get(0);
        }
        if (value == null || value.isNull()) {
            return -1;
        }
        if (!value.isIntegralNumber() || !value.canConvertToInt()) {
            throw wrong(field, "a token id or a list of them");
        }
        return value.intValue();
    }

    private ModelFormatException wrong(String field, String wanted) {
        return new ModelFormatException(
                file, -1, "the field \"" + field + "\" must be " + wanted + ", not " + shown(node.get(field)));
    }

    private static String shown(JsonNode value) {
        return value == null ? "missing" : MappedFile.quoted(value.toString());
    }
}
