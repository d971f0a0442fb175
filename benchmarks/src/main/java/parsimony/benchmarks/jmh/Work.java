package parsimony.benchmarks.jmh;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** What a benchmark has done, which JMH divides by the time. A counter that stays 0 is none of its own. */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.OPERATIONS)
public class Work {
    /** 10⁹ floating-point operations, or those of integers in their place. */
    public double gigaflop;

    /** 10⁹ weights multiplied by, whatever the batch. */
    public double gigaweights;

    /** 10⁹ bytes read that no cache need hold: weights, keys and values. */
    public double gigabytes;

    /** Starts an iteration. */
    @Setup(Level.Iteration)
    public void reset() {
        gigaflop = 0;
        gigaweights = 0;
        gigabytes = 0;
    }

    /**
     * Counts a product of a weight matrix.
     *
     * @param weights that are multiplied by
     * @param bytes that they take
     * @param batch vectors that are multiplied at once
     */
    void countProduct(long weights, long bytes, int batch) {
        gigaweights += 1e-9 * weights;
        gigabytes += 1e-9 * bytes;
        gigaflop += 2e-9 * weights * batch;
    }
}
