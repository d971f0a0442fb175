package parsimony.speculative;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import parsimony.core.model.DecodingStrategy;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;

/**
 * SpecInfer: where one guess is often wrong, several are proposed. Each draft model gives a tree that branches as {@code branches} says (the paper's ⟨k₁, k₂, …⟩, Section 3), all trees are merged, and one
 * pass of the large model checks all branches by tree attention (Section 4). {@link SpeculativeSampling} keeps the text's distribution for any number of proposals after one token.
 *
 * <p>The paper trains its drafts so that together they cover the model's answers; here they are taken as they are.
 *
 * <p>Try: {@code branches=3/1/1} against {@code speculative:tokens=3}: more tokens a pass for three times the rows.
 */
@Paper(survey = 107)
public final class SpecInfer extends DecodingTechnique<SpecInfer.Options> {
    /**
     * @param drafts the small models, separated by {@code |}: embedded models' names, files or folders
     * @param branches tokens that each of them proposes after each token of the first depth, the second, and so on
     */
    public record Options(String drafts, Branches branches) {
        public Options {
            if (drafts == null || drafts.isBlank()) {
                throw new IllegalArgumentException("drafts must name a model, or several separated by |");
            }
            if (branches == null) {
                throw new IllegalArgumentException("branches must be numbers separated by /, such as 2/1/1");
            }
        }
    }

    /** Numbers such as 2/1/1. */
    public record Branches(List<Integer> counts) {
        public Branches {
            counts = List.copyOf(counts);
        }

        /** Reads numbers of at least 1, separated by {@code /}. */
        public static Branches parse(String text) {
            List<Integer> counts = new ArrayList<>();
            for (String count : text.split("/", -1)) {
                if (!count.matches("[1-9][0-9]{0,2}")) {
                    throw new IllegalArgumentException(
                            "branches must be numbers from 1 on separated by /, such as 2/1/1, not " + text);
                }
                counts.add(Integer.valueOf(count));
            }
            return new Branches(counts);
        }

        int[] array() {
            return counts.stream().mapToInt(count -> count).toArray();
        }

        @Override
        public String toString() {
            return String.join("/", counts.stream().map(String::valueOf).toList());
        }
    }

    @Override
    public String name() {
        return "spec-infer";
    }

    @Override
    public String idea() {
        return "Small models propose a tree of continuations, and the large one checks all of its branches "
                + "in one pass. Where one guess is wrong another may be right, so that a pass gives more "
                + "tokens, for more rows to compute.";
    }

    @Override
    public Options defaults() {
        return new Options("java-1m", new Branches(List.of(2, 2, 1)));
    }

    @Override
    public List<String> showcase() {
        return List.of("spec-infer", "spec-infer:branches=3/1/1", "spec-infer:branches=2/1/1/1");
    }

    @Override
    DecodingStrategy strategy(Transformer model, Options options, TechniqueContext context) {
        List<Transformer> drafts = Arrays.stream(options.drafts.split("\\|"))
                .map(draft -> openDraft(draft, model))
                .toList();
        return strategy(name(), drafts, options.branches.array());
    }

    static DecodingStrategy strategy(String name, List<Transformer> drafts, int... branches) {
        return new DraftAndVerify(
                name,
                (target, ops) -> new ModelDrafter(
                        drafts.stream().map(draft -> new DraftModel(draft, ops)).toList(), () -> branches),
                new SpeculativeSampling());
    }
}
