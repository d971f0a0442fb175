package parsimony.kvcache;

import java.util.List;
import parsimony.core.model.KvCache;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;

/**
 * KIVI: keys and values in 2 to 8 bits. A few channels of the keys are large for all tokens, so keys are quantized along channels, each with a scale and a minimum for some tokens in a row; values have no
 * such channels and are mixed over tokens by the attention, so each token's are quantized on their own, in groups of channels (Section 3). The newest tokens, which receive much of the
 * attention, stay as they are (Section 3.2): x ≈ code · scale + minimum, scale = (maximum − minimum) / (2^bits − 1).
 *
 * <p>Deviations: keys and values leave full precision together, {@code group} tokens at a time and only when {@code residual} newer ones are left, where the authors' code moves all of
 * its keys at once and so now and then has none left as they were; keys are quantized after rotation, as theirs; what the kernel reads, which may be any, is decoded for it some hundred
 * tokens of a head at a time, where theirs is decoded within the product. Full precision is 32 bits here, 16 there.
 *
 * <p>Try: {@code quantized:bits=2,residual=0}.
 */
@Paper(
        title = "KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache",
        venue = "ICML",
        year = 2024,
        link = "https://arxiv.org/abs/2402.02750")
public final class Quantized extends CacheTechnique<Quantized.Options> {
    /**
     * @param bits of a number: 2, 4 or 8
     * @param group tokens of a key's channel, and channels of a value, that share a scale
     * @param residual newest tokens that are not quantized, at least
     */
    public record Options(int bits, int group, int residual) {
        public Options {
            if (bits != 2 && bits != 4 && bits != 8) {
                throw new IllegalArgumentException("bits must be 2, 4 or 8, not " + bits);
            }
            if (group < 1) {
                throw new IllegalArgumentException("group must be at least 1, not " + group);
            }
            if (residual < 0) {
                throw new IllegalArgumentException("residual must be 0 or more, not " + residual);
            }
        }
    }

    @Override
    public String name() {
        return "quantized";
    }

    @Override
    public String idea() {
        return "Keys are rounded to few bits channel by channel and values token by token, while the newest "
                + "tokens stay as they are. Each way suits where the large numbers lie, so that 2 to 8 bits in "
                + "place of 32 lose little.";
    }

    @Override
    public Options defaults() {
        return new Options(2, 32, 128);
    }

    @Override
    public List<String> showcase() {
        return List.of("quantized:bits=4", "quantized:bits=8", "quantized:bits=2");
    }

    @Override
    KvCache.Factory cache(TransformerConfig config, Options options) {
        return (heads, headSize) -> new QuantizedKvCache(heads, headSize, options);
    }
}
