package parsimony.core.io;

import java.util.Map;

/** What GGUF calls the parts of a model, and what Hugging Face, whose names the model itself goes by. */
final class GgufNames {
    static final String ARCHITECTURE = "general.architecture";
    static final String BEGIN_OF_SEQUENCE = "tokenizer.ggml.bos_token_id";
    static final String END_OF_SEQUENCE = "tokenizer.ggml.eos_token_id";

    /** The tensor with what each rotary pair's frequency is divided by. */
    static final String ROPE_DIVISORS = "rope_freqs.weight";

    /** Parts of a block's tensor names: GGUF's and Hugging Face's. */
    private static final Map<String, String> PARTS = Map.of(
            "attn_norm", "input_layernorm",
            "attn_q", "self_attn.q_proj",
            "attn_k", "self_attn.k_proj",
            "attn_v", "self_attn.v_proj",
            "attn_output", "self_attn.o_proj",
            "ffn_norm", "post_attention_layernorm",
            "ffn_gate", "mlp.gate_proj",
            "ffn_up", "mlp.up_proj",
            "ffn_down", "mlp.down_proj");

    private static final Map<String, String> WHOLES = Map.of(
            "token_embd.weight", "model.embed_tokens.weight",
            "output_norm.weight", "model.norm.weight",
            "output.weight", "lm_head.weight");

    private GgufNames() {}

    /** The Hugging Face name of a tensor, or its own where it has none. */
    static String huggingFace(String name) {
        if (name.startsWith("blk.")) {
            int layerEnd = name.indexOf('.', 4);
            int suffix = name.lastIndexOf('.');
            String part = layerEnd < suffix ? PARTS.get(name.substring(layerEnd + 1, suffix)) : null;
            if (part != null) {
                return "model.layers." + name.substring(4, layerEnd) + "." + part + name.substring(suffix);
            }
        }
        return WHOLES.getOrDefault(name, name);
    }

    /** @throws IllegalArgumentException if files of this format have no such tensor */
    static String gguf(String name) {
        for (Map.Entry<String, String> whole : WHOLES.entrySet()) {
            if (whole.getValue().equals(name)) {
                return whole.getKey();
            }
        }
        String inLayer = name.substring("model.layers.".length());
        int layerEnd = inLayer.indexOf('.');
        int suffix = inLayer.lastIndexOf('.');
        for (Map.Entry<String, String> part : PARTS.entrySet()) {
            if (part.getValue().equals(inLayer.substring(layerEnd + 1, suffix))) {
                return "blk." + inLayer.substring(0, layerEnd + 1) + part.getKey() + inLayer.substring(suffix);
            }
        }
        throw new IllegalArgumentException("the tensor " + name + " has no name in GGUF files");
    }
}
