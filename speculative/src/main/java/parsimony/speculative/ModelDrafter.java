package parsimony.speculative;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.random.RandomGenerator;
import parsimony.core.model.Sampler;
import parsimony.core.tensor.Tensor;

/**
 * Smaller models that write ahead. Each gives a tree of its own: after every token of depth i it proposes {@code branches(i)} tokens, drawn as the text's tokens are, or the likeliest
 * ones at temperature 0. Several models' trees are merged.
 */
final class ModelDrafter implements Drafter {
    private final List<DraftModel> models;
    private final Length length;
    private final List<Map<Integer, Integer>> rowsOfNodes = new ArrayList<>();

    /** How wide and deep to draft. */
    interface Length {
        /** How many tokens to propose after each token of each depth, the text's last token having depth 0. */
        int[] branches();

        /**
         * Is told how it went.
         *
         * @param tree what was proposed
         * @param accepted how many tokens became text
         */
        default void verified(TokenTree tree, int accepted) {}
    }

    ModelDrafter(List<DraftModel> models, Length length) {
        this.models = models;
        this.length = length;
    }

    @Override
    public TokenTree propose(Text text, int deepest, Sampler sampler, RandomGenerator random) {
        int[] branches = length.branches();
        TokenTree tree = new TokenTree(text.last());
        rowsOfNodes.clear();
        int depth = Math.min(branches.length, deepest);
        for (DraftModel model : models) {
            Map<Integer, Integer> rows = new HashMap<>();
            rowsOfNodes.add(rows);
            if (depth > 0) {
                grow(tree, model, rows, text, Arrays.copyOf(branches, depth), sampler, random);
            }
        }
        return tree;
    }

    private static void grow(
            TokenTree tree,
            DraftModel model,
            Map<Integer, Integer> rows,
            Text text,
            int[] branches,
            Sampler sampler,
            RandomGenerator random) {
        Tensor logits = model.readText(text);
        rows.put(0, model.lastTextRow());
        List<Integer> level = List.of(0);
        for (int depth = 0; depth < branches.length; depth++) {
            List<Integer> next = new ArrayList<>();
            for (int i = 0; i < level.size(); i++) {
                for (int child : propose(tree, level.get(i), logits, i, branches[depth], sampler, random)) {
                    if (!next.contains(child)) {
                        next.add(child);
                    }
                }
            }
            if (depth < branches.length - 1) {
                int first = model.rows();
                logits = model.read(
                        next.stream().mapToInt(tree::token).toArray(),
                        next.stream()
                                .mapToInt(node -> rows.get(tree.parent(node)))
                                .toArray());
                for (int i = 0; i < next.size(); i++) {
                    rows.put(next.get(i), first + i);
                }
            }
            level = next;
        }
    }

    /** Proposes some tokens after a node, and gives their nodes. */
    private static int[] propose(
            TokenTree tree, int node, Tensor logits, int row, int count, Sampler sampler, RandomGenerator random) {
        if (sampler.temperature() == 0) {
            return Arrays.stream(Logits.likeliest(logits, row, count))
                    .map(token -> tree.propose(node, token, null))
                    .toArray();
        }
        float[] distribution = sampler.distribution(Logits.row(logits, row));
        int[] nodes = new int[count];
        for (int i = 0; i < count; i++) {
            nodes[i] = tree.propose(node, Sampler.draw(distribution, random.nextDouble()), distribution);
        }
        return nodes;
    }

    @Override
    public void verified(Verified outcome) {
        for (int i = 0; i < models.size(); i++) {
            Map<Integer, Integer> rows = rowsOfNodes.get(i);
            if (!rows.isEmpty()) {
                models.get(i)
                        .keep(Arrays.stream(outcome.path())
                                .mapToObj(rows::get)
                                .filter(Objects::nonNull)
                                .mapToInt(row -> row)
                                .toArray());
            }
        }
        length.verified(outcome.tree(), outcome.path().length);
    }

    @Override
    public void close() {
        models.forEach(DraftModel::close);
    }
}
