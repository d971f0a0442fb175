package parsimony.core.model;

import java.util.List;
import java.util.function.Consumer;
import parsimony.core.tensor.Tensor;

/**
 * Matrices of a block that read the same tensor, with whoever makes that tensor: multiplying the columns of the former and dividing the outputs of the
 * latter by the same numbers changes nothing in what the block computes (AWQ, SmoothQuant).
 *
 * @param consumers the matrices, at least one
 * @param source what makes the tensor
 * @param producer divides each number of the tensor by one of its own [in]; null where nothing before the matrices can
 * @param part of the block from the tensor to where what the consumers give has come together
 */
public record InputGroup(List<Linear> consumers, Source source, Consumer<float[]> producer, Part part) {
    /** Kinds of producers. */
    public enum Source {
        /** A norm, whose weight can be divided. */
        NORM,
        /** Another matrix, through something that keeps a factor. */
        MATRIX,
        /** Not known. */
        UNKNOWN
    }

    /** What a part of a block computes. */
    @FunctionalInterface
    public interface Part {
        /**
         * @param context as in {@link Block#forward}
         * @param index the block's place in the stack
         * @param x the tensor that the consumers read [rows, in]
         */
        Tensor forward(ForwardContext context, int index, Tensor x);
    }

    /** The part that ends with what a single matrix gives. */
    public record Alone(Linear linear) implements Part {
        @Override
        public Tensor forward(ForwardContext context, int index, Tensor x) {
            return linear.forward(context, x);
        }
    }

    /** A matrix that stands alone. */
    public static InputGroup of(Linear linear) {
        return new InputGroup(List.of(linear), Source.UNKNOWN, null, new Alone(linear));
    }
}
