/**
 * Model files: Hugging Face folders (safetensors), GGUF, llama2.c. Files are mapped into memory and weights are used
 * where they lie; what a file says about itself is checked against its size before anything is allocated.
 */
package parsimony.core.io;
