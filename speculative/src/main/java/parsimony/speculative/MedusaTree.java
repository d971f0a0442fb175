package parsimony.speculative;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * Which combinations of the heads' guesses are proposed. The choice (1, 0) stands for the second guess of the first head followed by the first guess of the second head; a branch's beginnings
 * are choices too.
 *
 * @param choices shorter ones first, then in order of their ranks
 */
record MedusaTree(List<int[]> choices) {
    MedusaTree {
        choices = choices.stream()
                .sorted(Comparator.<int[]>comparingInt(choice -> choice.length).thenComparing(Arrays::compare))
                .toList();
    }

    /**
     * The {@code nodes} choices that are likeliest to be right, if the heads' successes were independent (Section 2.3.3).
     *
     * @param accuracies [heads][rank]
     */
    static MedusaTree best(float[][] accuracies, int nodes) {
        List<int[]> chosen = new ArrayList<>();
        List<int[]> candidates = new ArrayList<>();
        candidates.add(new int[] {0});
        Comparator<int[]> byProbability = Comparator.comparingDouble(choice -> probability(accuracies, choice));
        while (chosen.size() < nodes && !candidates.isEmpty()) {
            int[] best = candidates.stream().max(byProbability).orElseThrow();
            candidates.remove(best);
            chosen.add(best);
            int[] sibling = best.clone();
            sibling[sibling.length - 1]++;
            if (sibling[sibling.length - 1] < accuracies[0].length) {
                candidates.add(sibling);
            }
            if (best.length < accuracies.length) {
                candidates.add(Arrays.copyOf(best, best.length + 1));
            }
        }
        return new MedusaTree(chosen);
    }

    private static double probability(float[][] accuracies, int[] choice) {
        double probability = 1;
        for (int head = 0; head < choice.length; head++) {
            probability *= accuracies[head][choice[head]];
        }
        return probability;
    }

    /**
     * The tree of these choices.
     *
     * @param guesses [heads][rank]
     * @param deepest tokens that a branch may have at most
     */
    TokenTree proposals(int lastOfText, int[][] guesses, int deepest) {
        TokenTree tree = new TokenTree(lastOfText);
        List<int[]> placed = new ArrayList<>();
        List<Integer> nodes = new ArrayList<>();
        for (int[] choice : choices) {
            if (choice.length > deepest) {
                break;
            }
            int parent = 0;
            int[] beginning = Arrays.copyOf(choice, choice.length - 1);
            for (int i = 0; i < placed.size(); i++) {
                if (Arrays.equals(placed.get(i), beginning)) {
                    parent = nodes.get(i);
                }
            }
            placed.add(choice);
            nodes.add(tree.propose(parent, guesses[choice.length - 1][choice[choice.length - 1]], null));
        }
        return tree;
    }
}
