// Measures llama.cpp and Parsimony on the same GGUF file, in turn: llama.cpp's threads spin, so neither may run beside the other.
//
//   node speed.mjs MODEL.gguf [ROUNDS]
//
// Each round starts both afresh. Printed are the medians over all rounds, in tokens a second, and Parsimony's as a multiple of llama.cpp's.
import {execFileSync} from "node:child_process";
import path from "node:path";
import {fileURLToPath} from "node:url";
import {getLlama} from "node-llama-cpp";

const THREADS = 2;
const PROMPT_TOKENS = 128;
const DECODED_TOKENS = 32;
const REPETITIONS = 5;

const here = fileURLToPath(import.meta.url);
const launcher = path.resolve(path.dirname(here), "../../../parsimony");

const median = (numbers) => {
    const sorted = [...numbers].sort((a, b) => a - b);
    const middle = Math.floor(sorted.length / 2);
    return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** The speeds of llama.cpp, its choice of the likeliest token included, as Parsimony's is. */
async function measureLlamaCpp(file) {
    const llama = await getLlama({gpu: false, build: "never", maxThreads: THREADS, logLevel: "error"});
    const model = await llama.loadModel({modelPath: file});
    const context = await model.createContext({contextSize: 512, batchSize: 512, threads: THREADS});
    const sequence = context.getSequence();
    const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
    const prefill = [];
    const decode = [];
    // The first time warms up.
    for (let repetition = 0; repetition <= REPETITIONS; repetition++) {
        await sequence.clearHistory();
        const prompt = Array.from({length: PROMPT_TOKENS}, (_, i) => (i * 7919 + repetition * 104729 + 11) % vocabulary);
        const started = performance.now();
        let prefilled = 0;
        let written = 0;
        for await (const _ of sequence.evaluate(prompt, {temperature: 0, yieldEogToken: true})) {
            if (prefilled === 0)
                prefilled = performance.now();
            else if (++written === DECODED_TOKENS)
                break;
        }
        if (written !== DECODED_TOKENS)
            throw new Error(`llama.cpp wrote ${written} tokens instead of ${DECODED_TOKENS}`);
        if (repetition > 0) {
            prefill.push(PROMPT_TOKENS * 1000 / (prefilled - started));
            decode.push(DECODED_TOKENS * 1000 / (performance.now() - prefilled));
        }
    }
    console.log(JSON.stringify({prefill: median(prefill), decode: median(decode)}));
    await llama.dispose();
}

function compare(file, rounds) {
    const peer = [];
    const ours = [];
    for (let round = 0; round < rounds; round++) {
        peer.push(JSON.parse(execFileSync(process.execPath, [here, "--llama-cpp", file], {encoding: "utf8"})));
        ours.push(JSON.parse(execFileSync(launcher, [
            "speed", "--model", file, "--threads", THREADS, "--prompt-tokens", PROMPT_TOKENS, "--tokens", DECODED_TOKENS,
            "--repetitions", REPETITIONS, "--json", "-"
        ].map(String), {encoding: "utf8"})));
    }
    console.log(`${path.basename(file)}, ${THREADS} threads, medians of ${rounds} rounds, tokens/s`);
    console.log("                  llama.cpp  Parsimony  ratio");
    for (const [label, figure] of [[`prefill ${PROMPT_TOKENS}`, "prefill"], ["decode", "decode"]]) {
        const theirs = median(peer.map((each) => each[figure]));
        const own = median(ours.map((each) => each[figure]));
        console.log(`${label.padEnd(16)} ${theirs.toFixed(1).padStart(10)} ${own.toFixed(1).padStart(10)}  ${(own / theirs).toFixed(2)}`);
    }
}

const parameters = process.argv.slice(2);
if (parameters[0] === "--llama-cpp") {
    await measureLlamaCpp(parameters[1]);
} else if (parameters.length === 0) {
    console.error("usage: node speed.mjs MODEL.gguf [ROUNDS]");
    process.exit(2);
} else {
    compare(path.resolve(parameters[0]), Number(parameters[1] ?? 2));
}
