package parsimony.core.model;

import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import parsimony.core.autograd.Ops;

/**
 * All that a forward pass needs to know beside the weights: which rows belong to which sequence, where they stand, and what they see.
 *
 * @param tokens one id a row; the rows of a sequence are neighbours
 * @param positions each row's place in its text
 * @param spans the sequences, in the order of their rows
 * @param memory what was computed once for this pass, by what asked for it
 */
public record ForwardContext(Ops ops, int[] tokens, int[] positions, List<Span> spans, Map<Object, Object> memory) {
    public ForwardContext(Ops ops, int[] tokens, int[] positions, List<Span> spans) {
        this(ops, tokens, positions, spans, new IdentityHashMap<>());
    }

    /**
     * The angles of this pass's rows, computed once for all blocks that share an encoding.
     *
     * @param places where each row stands: its position, or its place in a cache
     */
    Ops.Rotation rowRotation(PositionEncoding encoding, int[] places) {
        Map<IntBuffer, Ops.Rotation> known = remember(encoding, HashMap::new);
        return known.computeIfAbsent(IntBuffer.wrap(places), key -> encoding.rotation(places, lengths(places)));
    }

    private int[] lengths(int[] places) {
        int[] lengths = new int[places.length];
        for (Span span : spans) {
            int end = span.firstRow + span.rows;
            int last = Arrays.stream(places, span.firstRow, end).max().orElse(-1);
            Arrays.fill(lengths, span.firstRow, end, last + 1);
        }
        return lengths;
    }

    /** What {@code compute} gave when {@code owner} first asked in this pass; every owner remembers one thing. */
    @SuppressWarnings("unchecked") // an owner asks for one type only
    public <T> T remember(Object owner, Supplier<T> compute) {
        T known = (T) memory.get(owner);
        if (known == null) {
            known = compute.get();
            memory.put(owner, known);
        }
        return known;
    }

    /** The same pass whose sequences use adapters of their own, in the order of the spans; −1 for none. */
    public ForwardContext withAdapters(int... adapters) {
        if (adapters.length != spans.size()) {
            throw new IllegalArgumentException(adapters.length + " adapters for " + spans.size() + " sequences");
        }
        List<Span> adapted = new ArrayList<>();
        for (int i = 0; i < adapters.length; i++) {
            Span span = spans.get(i);
            adapted.add(new Span(span.firstRow, span.rows, span.sequence, span.visibility, adapters[i]));
        }
        return new ForwardContext(ops, tokens, positions, adapted);
    }

    /**
     * Rows of one sequence.
     *
     * @param sequence what was read before and will remember these rows, or null: they see only each other
     * @param adapter which adapter they use where a model has several, counted from 0; −1 for none
     */
    public record Span(int firstRow, int rows, Sequence sequence, Visibility visibility, int adapter) {
        public Span(int firstRow, int rows, Sequence sequence, Visibility visibility) {
            this(firstRow, rows, sequence, visibility, -1);
        }
    }

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

    /**
     * Continuations of one sequence that share beginnings: a token tree, each row after its ancestors.
     *
     * @param tokens of the rows from {@code first} on
     * @param parents the row before row i in its branch, less than i, or −1 where it goes on from what is committed; all rows since the last commit
     * @param first the row of the first token; the rows before it were read in earlier passes
     */
    public static ForwardContext tree(Ops ops, Sequence sequence, int[] tokens, int[] parents, int first) {
        int[] depths = new int[parents.length];
        for (int i = 0; i < parents.length; i++) {
            if (parents[i] >= i) {
                throw new IllegalArgumentException("row " + i + " of a tree cannot follow row " + parents[i]);
            }
            depths[i] = parents[i] < 0 ? 0 : depths[parents[i]] + 1;
        }
        int[] positions = new int[tokens.length];
        for (int i = 0; i < tokens.length; i++) {
            positions[i] = sequence.length() + depths[first + i];
        }
        return new ForwardContext(
                ops,
                tokens,
                positions,
                List.of(new Span(0, tokens.length, sequence, new Visibility.Tree(parents, first))));
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
