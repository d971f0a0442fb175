package parsimony.lora;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import parsimony.core.model.Linear;

/**
 * Which projections of every block are adapted.
 *
 * @param text {@code all}, {@code attention}, {@code mlp}, or names such as {@code q/v}
 */
public record Targets(String text) {
    private static final Map<String, String> MODULES = Map.of(
            "q", "q_proj",
            "k", "k_proj",
            "v", "v_proj",
            "o", "o_proj",
            "gate", "gate_proj",
            "up", "up_proj",
            "down", "down_proj");
    private static final Map<String, List<String>> SETS = Map.of(
            "all", List.of("q", "k", "v", "o", "gate", "up", "down"),
            "attention", List.of("q", "k", "v", "o"),
            "mlp", List.of("gate", "up", "down"));

    public Targets {
        for (String name : names(text)) {
            if (!MODULES.containsKey(name)) {
                throw new IllegalArgumentException("'" + name
                        + "' is no projection: write all, attention, mlp, or some of q, k, v, o, gate, up, down"
                        + " with / between them");
            }
        }
    }

    /** Reads what {@link #toString} writes. */
    public static Targets parse(String text) {
        return new Targets(text);
    }

    private static List<String> names(String text) {
        return SETS.getOrDefault(text, Arrays.asList(text.split("/", -1)));
    }

    /** The projections as PEFT calls them, such as {@code q_proj}. */
    List<String> modules() {
        return names(text).stream().map(MODULES::get).toList();
    }

    /** Whether this matrix is one of them. */
    boolean contain(Linear linear) {
        return modules().stream().anyMatch(module -> linear.name().endsWith("." + module));
    }

    @Override
    public String toString() {
        return text;
    }
}
