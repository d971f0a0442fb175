package parsimony.core.backend.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Codes of two bits. */
final class Packed2Kernel extends PackedKernel {
    /** Pairs of codes in a word. */
    private static final int PAIRS = 8;

    Packed2Kernel(int middle, int groups, int wordsPerGroup, boolean halfScales, boolean halves) {
        super(2, middle, groups, wordsPerGroup, halfScales, halves);
    }

    @Override
    void multiply(int[] data, int strip, float[] x, int column, float[] y, int yOffset) {
        IntVector evenMask = this.evenMask;
        IntVector evenPower = this.evenPower;
        FloatVector evenMiddle = this.evenMiddle;
        IntVector oddMask = this.oddMask;
        IntVector oddPower = this.oddPower;
        FloatVector oddMiddle = this.oddMiddle;
        IntVector pair = this.pair;
        FloatVector total0 = FloatVector.zero(SPECIES);
        FloatVector total1 = total0;
        int scales = strip + codeInts();
        int evenStep = this.evenStep;
        int oddStep = this.oddStep;
        int skip = groupColumns() - PAIRS * wordsPerGroup * evenStep;
        int at = strip;
        for (int group = 0; group < groups; group++) {
            FloatVector even0 = FloatVector.zero(SPECIES);
            FloatVector even1 = even0;
            FloatVector odd0 = even0;
            FloatVector odd1 = even0;
            for (int i = 0; i < wordsPerGroup; i++, at += STRIDE) {
                IntVector word0 = IntVector.fromArray(INTS, data, at);
                IntVector word1 = IntVector.fromArray(INTS, data, at + LANES);
                for (int j = 0; j < PAIRS; j++, column += evenStep) {
                    FloatVector input = broadcast(x, column);
                    even0 = code(word0, evenMask, evenPower, evenMiddle).fma(input, even0);
                    even1 = code(word1, evenMask, evenPower, evenMiddle).fma(input, even1);
                    input = broadcast(x, column + oddStep);
                    odd0 = code(word0, oddMask, oddPower, oddMiddle).fma(input, odd0);
                    odd1 = code(word1, oddMask, oddPower, oddMiddle).fma(input, odd1);
                    word0 = word0.lanewise(VectorOperators.LSHR, pair);
                    word1 = word1.lanewise(VectorOperators.LSHR, pair);
                }
            }
            column += skip;
            total0 = even0.add(odd0).fma(scale(data, scales, group), total0);
            total1 = even1.add(odd1).fma(scale(data, scales + LANES, group), total1);
        }
        total0.intoArray(y, yOffset);
        total1.intoArray(y, yOffset + LANES);
    }

    @Override
    void multiplyFour(int[] data, int strip, float[] x, int column, float[] y, int yOffset, int yStride) {
        IntVector evenMask = this.evenMask;
        IntVector evenPower = this.evenPower;
        FloatVector evenMiddle = this.evenMiddle;
        IntVector oddMask = this.oddMask;
        IntVector oddPower = this.oddPower;
        FloatVector oddMiddle = this.oddMiddle;
        IntVector pair = this.pair;
        FloatVector total0 = FloatVector.zero(SPECIES);
        FloatVector total1 = total0;
        FloatVector total2 = total0;
        FloatVector total3 = total0;
        int scales = strip + codeInts();
        int evenStep = 4 * this.evenStep;
        int oddStep = 4 * this.oddStep;
        int skip = 4 * groupColumns() - PAIRS * wordsPerGroup * evenStep;
        int at = strip;
        for (int group = 0; group < groups; group++) {
            FloatVector even0 = FloatVector.zero(SPECIES);
            FloatVector even1 = even0;
            FloatVector even2 = even0;
            FloatVector even3 = even0;
            FloatVector odd0 = even0;
            FloatVector odd1 = even0;
            FloatVector odd2 = even0;
            FloatVector odd3 = even0;
            for (int i = 0; i < wordsPerGroup; i++, at += STRIDE) {
                IntVector word = IntVector.fromArray(INTS, data, at);
                for (int j = 0; j < PAIRS; j++, column += evenStep) {
                    FloatVector weight = code(word, evenMask, evenPower, evenMiddle);
                    even0 = weight.fma(broadcast(x, column), even0);
                    even1 = weight.fma(broadcast(x, column + 1), even1);
                    even2 = weight.fma(broadcast(x, column + 2), even2);
                    even3 = weight.fma(broadcast(x, column + 3), even3);
                    weight = code(word, oddMask, oddPower, oddMiddle);
                    int other = column + oddStep;
                    odd0 = weight.fma(broadcast(x, other), odd0);
                    odd1 = weight.fma(broadcast(x, other + 1), odd1);
                    odd2 = weight.fma(broadcast(x, other + 2), odd2);
                    odd3 = weight.fma(broadcast(x, other + 3), odd3);
                    word = word.lanewise(VectorOperators.LSHR, pair);
                }
            }
            column += skip;
            FloatVector scale = scale(data, scales, group);
            total0 = even0.add(odd0).fma(scale, total0);
            total1 = even1.add(odd1).fma(scale, total1);
            total2 = even2.add(odd2).fma(scale, total2);
            total3 = even3.add(odd3).fma(scale, total3);
        }
        total0.intoArray(y, yOffset);
        total1.intoArray(y, yOffset + yStride);
        total2.intoArray(y, yOffset + 2 * yStride);
        total3.intoArray(y, yOffset + 3 * yStride);
    }
}
