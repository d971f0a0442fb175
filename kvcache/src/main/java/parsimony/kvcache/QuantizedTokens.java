package parsimony.kvcache;

import java.util.Arrays;

/**
 * Numbers [tokens, headSize] in few bits: x ≈ code · scale + minimum, one scale and one minimum, in 16 bits, for every cell of so many tokens by so many channels. Tokens are added a block
 * of {@code group} at a time.
 *
 * <p>Number i of a block, counted along its tokens, is in word i mod words, at the (i / words)th place from the lowest bits on: so the numbers at one place of all words are neighbours, and the
 * loops that decode them have no shuffles, which lets the compiler make them loops over vectors. They are words of 32 bits because it does not do so for bytes that are shifted.
 */
final class QuantizedTokens {
    private final int headSize;
    private final int bits;
    private final int group;
    private final int cellTokens;
    private final int cellChannels;
    private final int blockNumbers;
    private final int blockWords;
    private final int blockCells;
    private int[] codes = new int[0];
    /** Of each cell, those of a token one after the other, as 16-bit floats. */
    private short[] scales = new short[0];

    private short[] minima = new short[0];
    private int blocks;

    private QuantizedTokens(int headSize, int bits, int group, int cellTokens, int cellChannels) {
        this.headSize = headSize;
        this.bits = bits;
        this.group = group;
        this.cellTokens = cellTokens;
        this.cellChannels = cellChannels;
        blockNumbers = group * headSize;
        blockWords = Math.ceilDiv(blockNumbers * bits, Integer.SIZE);
        blockCells = group / cellTokens * Math.ceilDiv(headSize, cellChannels);
    }

    /** Every channel has a range of its own for the tokens of a block. */
    static QuantizedTokens perChannel(int headSize, int bits, int group) {
        return new QuantizedTokens(headSize, bits, group, group, 1);
    }

    /** Every token has ranges of its own, each for {@code group} channels. */
    static QuantizedTokens perToken(int headSize, int bits, int group) {
        return new QuantizedTokens(headSize, bits, group, 1, Math.min(group, headSize));
    }

    QuantizedTokens copy() {
        QuantizedTokens copy = new QuantizedTokens(headSize, bits, group, cellTokens, cellChannels);
        copy.codes = codes.clone();
        copy.scales = scales.clone();
        copy.minima = minima.clone();
        copy.blocks = blocks;
        return copy;
    }

    int tokens() {
        return blocks * group;
    }

    /**
     * Adds tokens.
     *
     * @param x [count, headSize] from {@code offset} on
     * @param count a multiple of the group
     */
    void add(float[] x, int offset, int count) {
        int added = count / group;
        if ((blocks + added) * blockWords > codes.length) {
            int capacity = Math.max(blocks + added, blocks + blocks / 4);
            codes = Arrays.copyOf(codes, capacity * blockWords);
            scales = Arrays.copyOf(scales, capacity * blockCells);
            minima = Arrays.copyOf(minima, capacity * blockCells);
        }
        for (int block = 0; block < added; block++) {
            int cell = blocks * blockCells;
            for (int token = 0; token < group; token += cellTokens) {
                for (int channel = 0; channel < headSize; channel += cellChannels) {
                    quantize(x, offset + block * blockNumbers, token, channel, cell++);
                }
            }
            blocks++;
        }
    }

    /** One cell of the block that is being added. */
    private void quantize(float[] x, int offset, int firstToken, int firstChannel, int cell) {
        int lastChannel = Math.min(headSize, firstChannel + cellChannels);
        float minimum = Float.POSITIVE_INFINITY;
        float maximum = Float.NEGATIVE_INFINITY;
        for (int token = firstToken; token < firstToken + cellTokens; token++) {
            for (int channel = firstChannel; channel < lastChannel; channel++) {
                minimum = Math.min(minimum, x[offset + token * headSize + channel]);
                maximum = Math.max(maximum, x[offset + token * headSize + channel]);
            }
        }
        int largest = (1 << bits) - 1;
        // Codes are found with what is left of the scale and the minimum in 16 bits.
        scales[cell] = Float.floatToFloat16((maximum - minimum) / largest);
        minima[cell] = Float.floatToFloat16(minimum);
        float scale = Float.float16ToFloat(scales[cell]);
        float base = Float.float16ToFloat(minima[cell]);
        for (int token = firstToken; token < firstToken + cellTokens; token++) {
            for (int channel = firstChannel; channel < lastChannel; channel++) {
                int number = token * headSize + channel;
                float step = scale == 0 ? 0 : (x[offset + number] - base) / scale;
                int code = (int) Math.clamp(Math.rint(step), 0.0, largest);
                codes[blocks * blockWords + number % blockWords] |= code << number / blockWords * bits;
            }
        }
    }

    /** Reads tokens into arrays of its own. */
    Decoder decoder() {
        return new Decoder();
    }

    /** Decodes tokens for one reader. */
    final class Decoder {
        private final float[] blockScales = new float[blockNumbers];
        private final float[] blockMinima = new float[blockNumbers];
        private final float[] blockDecoded = new float[blockNumbers];

        private Decoder() {}

        /**
         * Decodes tokens.
         *
         * @param firstToken a multiple of the group
         * @param count a multiple of the group
         * @param x receives [count, headSize] from 0 on
         */
        void decode(int firstToken, int count, float[] x) {
            for (int token = 0; token < count; token += group) {
                int block = (firstToken + token) / group;
                if (cellTokens == 1) {
                    decodeCells(block, x, token * headSize);
                } else {
                    decodeChannels(block, x, token * headSize);
                }
            }
        }

        /** Where each channel has its range, the ranges are written out once a token, so that loops run along the tokens. */
        private void decodeChannels(int block, float[] x, int offset) {
            int first = block * blockCells;
            for (int channel = 0; channel < headSize; channel++) {
                blockScales[channel] = Float.float16ToFloat(scales[first + channel]);
                blockMinima[channel] = Float.float16ToFloat(minima[first + channel]);
            }
            for (int known = headSize; known < blockNumbers; known *= 2) {
                int count = Math.min(known, blockNumbers - known);
                System.arraycopy(blockScales, 0, blockScales, known, count);
                System.arraycopy(blockMinima, 0, blockMinima, known, count);
            }
            for (int number = 0; number < blockNumbers; number += blockWords) {
                int end = Math.min(number + blockWords, blockNumbers);
                int shift = number / blockWords * bits;
                decodeRun(number, end, block * blockWords - number, shift, blockScales, blockMinima, blockDecoded);
            }
            System.arraycopy(blockDecoded, 0, x, offset, blockNumbers);
        }

        /**
         * The numbers {@code from … to − 1}, whose words are so many places further. All floats have the index of the loop and nothing else: only then does the compiler see that what is stored
         * is not loaded again, and makes this a loop over vectors.
         */
        private void decodeRun(
                int from, int to, int words, int shift, float[] scale, float[] minimum, float[] decoded) {
            int mask = (1 << bits) - 1;
            for (int i = from; i < to; i++) {
                decoded[i] = (codes[words + i] >>> shift & mask) * scale[i] + minimum[i];
            }
        }

        private void decodeCells(int block, float[] x, int offset) {
            int cell = block * blockCells;
            int word = 0;
            int shift = 0;
            for (int token = 0; token < group; token++) {
                for (int channel = 0; channel < headSize; channel += cellChannels, cell++) {
                    float scale = Float.float16ToFloat(scales[cell]);
                    float minimum = Float.float16ToFloat(minima[cell]);
                    int to = offset + token * headSize + channel;
                    int left = Math.min(cellChannels, headSize - channel);
                    while (left > 0) {
                        int count = Math.min(left, blockWords - word);
                        decodeRun(to, to + count, block * blockWords + word - to, shift, scale, minimum, x);
                        word += count;
                        to += count;
                        left -= count;
                        if (word == blockWords) {
                            word = 0;
                            shift += bits;
                        }
                    }
                }
            }
        }

        private void decodeRun(int from, int to, int words, int shift, float scale, float minimum, float[] decoded) {
            int mask = (1 << bits) - 1;
            for (int i = from; i < to; i++) {
                decoded[i] = (codes[words + i] >>> shift & mask) * scale + minimum;
            }
        }
    }

    long bytes() {
        return (long) Integer.BYTES * codes.length + (long) Short.BYTES * (scales.length + minima.length);
    }
}
