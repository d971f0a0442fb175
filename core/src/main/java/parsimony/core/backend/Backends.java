package parsimony.core.backend;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The backends by the names that they have on the command line. They are looked up when they are asked for, so that one that cannot run here, for
 * want of a module or a native library, does no harm to the others.
 */
public final class Backends {
    /** The backend of those who do not choose. */
    public static final String DEFAULT = "vector";

    private static final Map<String, String> CLASSES = new LinkedHashMap<>();

    static {
        CLASSES.put("scalar", "parsimony.core.backend.scalar.ScalarBackend");
        CLASSES.put("vector", "parsimony.core.backend.vector.VectorBackend");
        CLASSES.put("nd4j", "parsimony.core.backend.nd4j.Nd4jBackend");
        CLASSES.put("opencl", "parsimony.core.backend.opencl.OpenClBackend");
    }

    private Backends() {}

    /** The names of all backends, whether they work here or not. */
    public static List<String> names() {
        return List.copyOf(CLASSES.keySet());
    }

    /**
     * Makes a backend; closing it ends its threads.
     *
     * @param threads how many threads it may use; the scalar backend uses one
     * @throws IllegalArgumentException if there is no backend of that name, or it does not work here; the message says why
     */
    public static Backend create(String name, int threads) {
        checkName(name);
        if (threads < 1) {
            throw new IllegalArgumentException("a backend needs at least 1 thread, not " + threads);
        }
        try {
            return instantiate(CLASSES.get(name), threads);
        } catch (ReflectiveOperationException | LinkageError e) {
            throw new IllegalArgumentException("the backend " + name + " does not work here: " + reason(e), e);
        }
    }

    /**
     * Checks that there is a backend of this name, whether it works here or not.
     *
     * @throws IllegalArgumentException if there is none; the message names those that there are
     */
    public static void checkName(String name) {
        if (!CLASSES.containsKey(name)) {
            throw new IllegalArgumentException(
                    "there is no backend '" + name + "'; the backends are " + String.join(", ", names()));
        }
    }

    /** Tries every backend. */
    public static List<Probe> probe(int threads) {
        List<Probe> probes = new ArrayList<>();
        for (String name : names()) {
            try (Backend backend = instantiate(CLASSES.get(name), threads)) {
                probes.add(new Probe(name, true, backend.description()));
            } catch (ReflectiveOperationException | LinkageError e) {
                probes.add(new Probe(name, false, reason(e)));
            }
        }
        return probes;
    }

    /**
     * What was found out about a backend.
     *
     * @param detail how it works, or why it does not
     */
    public record Probe(String name, boolean works, String detail) {}

    private static Backend instantiate(String className, int threads) throws ReflectiveOperationException {
        Class<? extends Backend> type = Class.forName(className).asSubclass(Backend.class);
        for (Constructor<?> constructor : type.getConstructors()) {
            if (constructor.getParameterCount() == 1) {
                return (Backend) constructor.newInstance(threads);
            }
        }
        return type.getConstructor().newInstance();
    }

    private static String reason(Throwable failure) {
        Throwable cause = failure;
        while (cause.getCause() != null
                && (cause instanceof InvocationTargetException || cause instanceof LinkageError)) {
            cause = cause.getCause();
        }
        String message = String.valueOf(cause.getMessage());
        if (message.contains("jdk/incubator/vector") || message.contains("jdk.incubator.vector")) {
            return "Java was started without --add-modules=jdk.incubator.vector";
        }
        if (cause instanceof ClassNotFoundException || cause instanceof NoClassDefFoundError) {
            return "the class " + message.replace('/', '.') + " is missing";
        }
        return message.lines().findFirst().orElse(cause.toString());
    }
}
