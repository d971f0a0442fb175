/**
 * Fewer bits a weight: round-to-nearest, GPTQ, AWQ, OWQ, SpQR, QuIP, LLM.int8() and SmoothQuant. A
 * technique here is one class that builds a {@code WeightStorage} of {@code core} for a matrix, from its weights
 * and what calibration saw of its inputs.
 */
package parsimony.quantization;
