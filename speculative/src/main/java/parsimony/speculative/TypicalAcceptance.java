package parsimony.speculative;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import parsimony.core.model.Sampler;
import parsimony.core.tensor.Tensor;
import parsimony.speculative.TokenTree.Proposal;

/**
 * Accepts every proposed token that the model finds typical, p &gt; min(ε, δ · exp(−H(p))) (Medusa, Cai et al., 2024, Section 2.3.1), and takes the longest branch of such tokens, of equally long ones
 * the likeliest. The text's distribution is not the model's: what is typical is accepted although another token would have been drawn. The token after the branch is drawn among the
 * typical ones.
 *
 * <p>At temperature 0, as in the authors' code, only the likeliest token is accepted, and the text is the model's.
 *
 * @param epsilon a token of this probability is typical always
 * @param delta share of exp(−H), which is how probable a token is where all are alike
 */
record TypicalAcceptance(double epsilon, double delta) implements Acceptance {
    /** The authors' addend that keeps the logarithm of 0 finite. */
    private static final double LOG_FLOOR = 1e-5;

    @Override
    public Verdict judge(TokenTree tree, Tensor logits, Sampler sampler, RandomGenerator random) {
        if (sampler.temperature() == 0) {
            return new SpeculativeSampling().judge(tree, logits, sampler, random);
        }
        Sampler unfiltered = new Sampler(sampler.temperature(), 0, 1, sampler.seed());
        float[][] probabilities = new float[tree.size()][];
        double[] thresholds = new double[tree.size()];
        for (int node = 0; node < tree.size(); node++) {
            probabilities[node] = unfiltered.distribution(Logits.row(logits, node));
            thresholds[node] = threshold(probabilities[node]);
        }
        int[] depths = new int[tree.size()];
        double[] likelihoods = new double[tree.size()];
        boolean[] typical = new boolean[tree.size()];
        typical[0] = true;
        int best = 0;
        for (int node = 1; node < tree.size(); node++) {
            int parent = tree.parent(node);
            float p = probabilities[parent][tree.token(node)];
            typical[node] = typical[parent] && p > thresholds[parent];
            depths[node] = depths[parent] + 1;
            likelihoods[node] = likelihoods[parent] + Math.log(p);
            boolean longer = depths[node] > depths[best];
            boolean likelier = depths[node] == depths[best] && likelihoods[node] > likelihoods[best];
            if (typical[node] && (longer || likelier)) {
                best = node;
            }
        }
        List<Integer> path = new ArrayList<>();
        for (int node = best; node > 0; node = tree.parent(node)) {
            path.addFirst(node);
        }
        float[] p = probabilities[best];
        int likeliest = Logits.likeliest(logits, best);
        for (int token = 0; token < p.length; token++) {
            if (p[token] < thresholds[best] && token != likeliest) {
                p[token] = 0;
            }
        }
        List<Proposal> rejected = tree.proposals(best);
        return new Verdict(
                path.stream().mapToInt(i -> i).toArray(),
                Sampler.draw(p, random.nextDouble()),
                rejected.isEmpty() ? -1 : tree.token(rejected.getFirst().node()));
    }

    /** min(ε, δ · exp(−H)). */
    double threshold(float[] probabilities) {
        double entropy = 0;
        for (float p : probabilities) {
            entropy -= p * Math.log(p + LOG_FLOOR);
        }
        return Math.min(epsilon, delta * Math.exp(-entropy));
    }

    @Override
    public boolean isLossless() {
        return false;
    }
}
