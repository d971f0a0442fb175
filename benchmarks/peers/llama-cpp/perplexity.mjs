// Compares the perplexity of a GGUF file in llama.cpp and in Parsimony, over the same tokens in the same windows.
//
//   node perplexity.mjs MODEL.gguf TEXT [CONTEXT]
//
// Windows of CONTEXT tokens begin half of that after each other; each token is scored once, in the first window that holds it, the first one of the text
// after the token that begins a text. llama.cpp cuts the text into tokens itself: the number of them must agree.
import {execFileSync} from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import {fileURLToPath} from "node:url";
import {getLlama} from "node-llama-cpp";

const [file, text, context = "256"] = process.argv.slice(2);
if (text === undefined) {
    console.error("usage: node perplexity.mjs MODEL.gguf TEXT [CONTEXT]");
    process.exit(2);
}
const launcher = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../../parsimony");
const ours = JSON.parse(execFileSync(launcher, [
    "evaluate", "--model", file, "--text", text, "--context", context, "--json", "-"
], {encoding: "utf8"}));

const windowSize = Number(context);
const llama = await getLlama({gpu: false, build: "never", maxThreads: 2, logLevel: "error"});
const model = await llama.loadModel({modelPath: path.resolve(file)});
const tokens = model.tokenize(fs.readFileSync(text, "utf8"), false);
if (tokens.length !== ours.protocol.tokens) {
    console.error(`llama.cpp cuts the text into ${tokens.length} tokens, Parsimony into ${ours.protocol.tokens}`);
    process.exit(1);
}
const sequence = (await model.createContext({contextSize: windowSize, batchSize: windowSize, threads: 2})).getSequence();
let nats = 0;
for (let first = 0, scored = 0; scored < tokens.length; first += windowSize / 2) {
    const end = Math.min(first + windowSize, tokens.length);
    await sequence.clearHistory();
    const inputs = [];
    for (let i = first; i < end; i++) {
        const token = i === 0 ? ours.protocol.beginToken : tokens[i - 1];
        inputs.push(i < scored ? token : [token, {generateNext: {logits: true}}]);
    }
    const outputs = await sequence.controlledEvaluate(inputs);
    for (let i = scored; i < end; i++)
        nats -= logProbability(outputs[i - first].next.logits, tokens[i]);
    scored = end;
}
const theirs = Math.exp(nats / tokens.length);
console.log(`${path.basename(file)}, ${tokens.length} tokens of ${path.basename(text)}, windows of ${windowSize}`);
console.log(`llama.cpp ${theirs.toFixed(5)}, Parsimony ${ours.perplexity.toFixed(5)}, ${(100 * (ours.perplexity / theirs - 1)).toFixed(3)} % apart`);
await llama.dispose();

function logProbability(logits, token) {
    let largest = -Infinity;
    for (const logit of logits.values())
        largest = Math.max(largest, logit);
    let sum = 0;
    for (const logit of logits.values())
        sum += Math.exp(logit - largest);
    return logits.get(token) - largest - Math.log(sum);
}
