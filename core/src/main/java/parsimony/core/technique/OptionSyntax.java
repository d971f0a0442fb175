package parsimony.core.technique;

import java.lang.invoke.MethodType;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Records of options as text, {@code bits=3,group=16}: what the command line, the benchmarks and the tests all
 * read and write. Options that are left out keep their defaults. Values are numbers ({@code inf} among the
 * fractions), {@code true} and {@code false}, an enum's constants in lower case, text, whatever a record's static
 * {@code parse(String)} reads, and {@code none} for null.
 */
public final class OptionSyntax {
    private static final String NONE = "none";

    /** Whole numbers that are tried to find out which ones an option takes. */
    private static final int LEAST_TRIED = -4;

    private static final int MOST_TRIED = 40;

    private OptionSyntax() {}

    /**
     * Reads options.
     *
     * @param owner whose options these are, for messages
     * @param text {@code key=value,key=value}, or nothing
     * @throws OptionException if there is no such option or value
     */
    public static <O extends Record> O parse(String owner, String text, O defaults) {
        Map<String, Object> values = values(defaults);
        if (!text.isBlank()) {
            Map<String, String> given = split(owner, text, defaults);
            for (RecordComponent component : defaults.getClass().getRecordComponents()) {
                if (given.containsKey(component.getName())) {
                    values.put(component.getName(), value(owner, component, given.get(component.getName())));
                }
            }
        }
        return build(owner, defaults, values);
    }

    private static Map<String, String> split(String owner, String text, Record defaults) {
        List<String> names = List.copyOf(values(defaults).keySet());
        Map<String, String> given = new LinkedHashMap<>();
        for (String option : text.split(",", -1)) {
            int equals = option.indexOf('=');
            if (equals < 0) {
                throw new OptionException(
                        owner + ": '" + option.strip() + "' is not written option=value" + options(defaults));
            }
            String name = option.substring(0, equals).strip();
            if (!names.contains(name)) {
                throw new OptionException(
                        owner + " has no option '" + name + "'" + Suggestion.of(name, names) + options(defaults));
            }
            if (given.put(name, option.substring(equals + 1).strip()) != null) {
                throw new OptionException(owner + ": option " + name + " is given twice");
            }
        }
        return given;
    }

    private static String options(Record defaults) {
        String all = describe(defaults);
        return all.isEmpty() ? "; it has no options" : "; its options are " + all.replace(",", ", ");
    }

    /**
     * One option.
     *
     * @param value as it is written
     * @param allowed what it may be, in words
     */
    public record Option(String name, String value, String allowed) {}

    /** All options with their values and what else they may be, in the order of the record. */
    public static List<Option> list(Record options) {
        Map<String, Object> values = values(options);
        return Arrays.stream(options.getClass().getRecordComponents())
                .map(component -> new Option(
                        component.getName(), print(values.get(component.getName())), allowed(component, options)))
                .toList();
    }

    private static String allowed(RecordComponent component, Record options) {
        Class<?> type = component.getType();
        String none = type.isPrimitive() || !accepts(options, component, null) ? "" : ", or none";
        if (type.isEnum()) {
            return Arrays.stream(type.getEnumConstants())
                            .map(constant -> word((Enum<?>) constant))
                            .collect(Collectors.joining(", "))
                    + none;
        }
        if (type == boolean.class || type == Boolean.class) {
            return "true, false" + none;
        }
        if (type == int.class || type == Integer.class) {
            return wholeNumbers(component, options) + none;
        }
        if (type == long.class || type == Long.class) {
            return "a whole number" + none;
        }
        return (type == double.class || type == Double.class ? "a number" : "text") + none;
    }

    /** Which small numbers a record's constructor accepts; only it knows. */
    private static String wholeNumbers(RecordComponent component, Record options) {
        List<String> ranges = new ArrayList<>();
        for (int first = LEAST_TRIED; first <= MOST_TRIED; first++) {
            if (accepts(options, component, first)) {
                int last = first;
                while (last < MOST_TRIED && accepts(options, component, last + 1)) {
                    last++;
                }
                ranges.add(range(first, last));
                first = last;
            }
        }
        return ranges.isEmpty() ? "a whole number" : String.join(", ", ranges);
    }

    private static String range(int first, int last) {
        if (first == LEAST_TRIED) {
            return last == MOST_TRIED ? "a whole number" : last + " or less";
        }
        return last == MOST_TRIED ? first + " or more" : first == last ? String.valueOf(first) : first + " to " + last;
    }

    private static boolean accepts(Record options, RecordComponent component, Object value) {
        Map<String, Object> values = values(options);
        values.put(component.getName(), value);
        try {
            build(component.getName(), options, values);
            return true;
        } catch (OptionException | IllegalStateException e) {
            return false;
        }
    }

    /** All options with their values, in the order of the record. */
    public static String describe(Record options) {
        return values(options).entrySet().stream()
                .map(entry -> entry.getKey() + "=" + print(entry.getValue()))
                .collect(Collectors.joining(","));
    }

    /** The options that differ from {@code defaults}, in the order of the record, as {@link #parse} reads them. */
    public static <O extends Record> String print(O options, O defaults) {
        Map<String, Object> standard = values(defaults);
        return values(options).entrySet().stream()
                .map(entry -> Map.entry(entry.getKey(), print(entry.getValue())))
                .filter(entry -> !entry.getValue().equals(print(standard.get(entry.getKey()))))
                .map(entry -> entry.getKey() + "=" + entry.getValue())
                .collect(Collectors.joining(","));
    }

    /**
     * {@code defaults} with the values of those of {@code source}'s options that it has too, by name and kind;
     * null is no value.
     */
    static <O extends Record> O shared(String owner, Record source, O defaults) {
        Map<String, Object> values = values(defaults);
        Map<String, Object> given = values(source);
        for (RecordComponent component : defaults.getClass().getRecordComponents()) {
            Object value = given.get(component.getName());
            if (value != null
                    && MethodType.methodType(component.getType())
                            .wrap()
                            .returnType()
                            .isInstance(value)) {
                values.put(component.getName(), value);
            }
        }
        return build(owner, defaults, values);
    }

    /** Whether there is an option of this name that has a value. */
    static boolean has(Record options, String name) {
        return values(options).get(name) != null;
    }

    private static Map<String, Object> values(Record options) {
        Map<String, Object> values = new LinkedHashMap<>();
        try {
            for (RecordComponent component : options.getClass().getRecordComponents()) {
                Method accessor = component.getAccessor();
                accessor.setAccessible(true);
                values.put(component.getName(), accessor.invoke(options));
            }
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
        return values;
    }

    private static <O extends Record> O build(String owner, O defaults, Map<String, Object> values) {
        Class<?>[] types = Arrays.stream(defaults.getClass().getRecordComponents())
                .map(RecordComponent::getType)
                .toArray(Class<?>[]::new);
        try {
            @SuppressWarnings("unchecked") // the class of an O
            Class<O> type = (Class<O>) defaults.getClass();
            Constructor<O> constructor = type.getDeclaredConstructor(types);
            constructor.setAccessible(true);
            return constructor.newInstance(values.values().toArray());
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof IllegalArgumentException wrong) {
                throw new OptionException(owner + ": " + wrong.getMessage(), wrong);
            }
            throw new IllegalStateException(e);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String print(Object value) {
        return switch (value) {
            case null -> NONE;
            case Double number when number.isInfinite() -> number > 0 ? "inf" : "-inf";
            case Double number
            when number == Math.rint(number) && Math.abs(number) < 1e9 -> String.valueOf(number.longValue());
            case Enum<?> constant -> word(constant);
            default -> value.toString();
        };
    }

    private static String word(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static Object value(String owner, RecordComponent component, String text) {
        Class<?> type = component.getType();
        String option = owner + ": " + component.getName();
        if (type.isEnum()) {
            return constant(option, type, text);
        }
        if (text.equals(NONE) && !type.isPrimitive()) {
            return null;
        }
        if (type == boolean.class || type == Boolean.class) {
            if (!text.equals("true") && !text.equals("false")) {
                throw new OptionException(option + " must be true or false, not '" + text + "'");
            }
            return Boolean.valueOf(text);
        }
        if (type == int.class || type == Integer.class) {
            return (int) whole(option, text, Integer.MIN_VALUE, Integer.MAX_VALUE);
        }
        if (type == long.class || type == Long.class) {
            return whole(option, text, Long.MIN_VALUE, Long.MAX_VALUE);
        }
        if (type == double.class || type == Double.class) {
            return fraction(option, text);
        }
        if (type == String.class) {
            return text;
        }
        return parsed(option, type, text);
    }

    private static long whole(String option, String text, long least, long most) {
        try {
            long number = Long.parseLong(text);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Said below, in the same words as for a number that is too large.
        }
        throw new OptionException(option + " must be a whole number, not '" + text + "'");
    }

    private static double fraction(String option, String text) {
        if (text.equals("inf") || text.equals("-inf")) {
            return text.equals("inf") ? Double.POSITIVE_INFINITY : Double.NEGATIVE_INFINITY;
        }
        if (!text.matches("[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?")) {
            throw new OptionException(option + " must be a number or inf, not '" + text + "'");
        }
        return Double.parseDouble(text);
    }

    private static Object constant(String option, Class<?> type, String text) {
        for (Object constant : type.getEnumConstants()) {
            if (word((Enum<?>) constant).equals(text)) {
                return constant;
            }
        }
        if (text.equals(NONE)) {
            return null;
        }
        List<String> words = Arrays.stream(type.getEnumConstants())
                .map(constant -> word((Enum<?>) constant))
                .toList();
        throw new OptionException(option + " must be one of " + String.join(", ", words) + ", not '" + text + "'"
                + Suggestion.of(text, words));
    }

    private static Object parsed(String option, Class<?> type, String text) {
        try {
            Method parse = type.getDeclaredMethod("parse", String.class);
            parse.setAccessible(true);
            return parse.invoke(null, text);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof IllegalArgumentException wrong) {
                throw new OptionException(option + ": " + wrong.getMessage(), wrong);
            }
            throw new IllegalStateException(e);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(type + " cannot be an option: it has no static parse(String)", e);
        }
    }
}
