package parsimony.core.technique;

import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/** The techniques on the class path, found through {@link ServiceLoader}. */
public final class Techniques {
    private static final List<Technique<?>> INSTALLED = load();

    private Techniques() {}

    @SuppressWarnings("rawtypes") // a class literal has no type argument
    private static List<Technique<?>> load() {
        List<Technique<?>> found = ServiceLoader.load(Technique.class, Technique.class.getClassLoader()).stream()
                .<Technique<?>>map(ServiceLoader.Provider<Technique>::get)
                .sorted(Comparator.comparing(Technique::name))
                .toList();
        for (int i = 1; i < found.size(); i++) {
            if (found.get(i).name().equals(found.get(i - 1).name())) {
                throw new IllegalStateException(found.get(i).getClass() + " and "
                        + found.get(i - 1).getClass() + " are both named "
                        + found.get(i).name());
            }
        }
        return found;
    }

    /** All techniques, by name. */
    public static List<Technique<?>> all() {
        return INSTALLED;
    }

    /**
     * The technique of this name.
     *
     * @throws OptionException if there is none, with those that there are
     */
    public static Technique<?> named(String name) {
        return named(name, INSTALLED);
    }

    static Technique<?> named(String name, List<Technique<?>> known) {
        for (Technique<?> technique : known) {
            if (technique.name().equals(name)) {
                return technique;
            }
        }
        List<String> names = known.stream().map(Technique::name).toList();
        throw new OptionException("there is no technique '" + name + "'" + Suggestion.of(name, names) + "; there are "
                + names.stream().collect(Collectors.joining(", ")));
    }
}
