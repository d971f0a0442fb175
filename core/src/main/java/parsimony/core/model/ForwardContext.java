package parsimony.core.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import parsimony.core.autograd.Ops;

/**
 * All that a forward pass needs to know beside the weights: which rows belong to which sequence, where they stand, and what they see.
 *
 * @param tokens one id a row; the rows of a sequence are neighbours
 * @param positions each row's place in its text
 * @param spans the sequences, in the order of their rows
 * @param rotations angles that were already computed in this pass
 */
public record ForwardContext(
        Ops ops, int[] tokens, int[] positions, List<Span> spans, Map<PositionEncoding, Ops.Rotation> rotations) {
    public ForwardContext(Ops ops, int[] tokens, int[] positions, List<Span> spans) {
        this(ops, tokens, positions, spans, new IdentityHashMap<>());
    }

    /** The angles of this pass's positions, computed once for all blocks that share an encoding. */
    Ops.Rotation rotation(PositionEncoding encoding) {
        return rotations.computeIfAbsent(encoding, e -> e.rotation(positions, lengths()));
    }

    private int[] lengths() {
        int[] lengths = new int[positions.length];
        for (Span span : spans) {
            int end = span.firstRow + span.rows;
            int last = Arrays.stream(positions, span.firstRow, end).max().orElse(-1);
            Arrays.fill(lengths, span.firstRow, end, last + 1);
        }
        return lengths;
    }

    /**
     * Rows of one sequence.
     *
     * @param sequence what was read before and will remember these rows, or null: they see only each other
     */
    public record Span(int firstRow, int rows, Sequence sequence, Visibility visibility) {}

    /** {@code tokens.length / length} separate texts, each read from its beginning; nothing is remembered. */
    public static ForwardContext batch(Ops ops, int[] tokens, int length) {
        if (tokens.length % length != 0) {
            throw new IllegalArgumentException(tokens.length + " tokens are no multiple of " + length);
        }
        int[] positions = new int[tokens.length];
        List<Span> spans = new ArrayList<>();
        for (int first = 0; first < tokens.length; first += length) {
            for (int i = 0; i < length; i++) {
                positions[first + i] = i;
            }
            spans.add(new Span(first, length, null, new Visibility.Causal(positions, first)));
        }
        return new ForwardContext(ops, tokens, positions, spans);
    }

    /** The next tokens of one sequence. */
    public static ForwardContext next(Ops ops, Sequence sequence, int... tokens) {
        int[] positions = new int[tokens.length];
        for (int i = 0; i < tokens.length; i++) {
            positions[i] = sequence.length() + i;
        }
        return new ForwardContext(
                ops,
                tokens,
                positions,
                List.of(new Span(0, tokens.length, sequence, new Visibility.Causal(positions, 0))));
    }
}
