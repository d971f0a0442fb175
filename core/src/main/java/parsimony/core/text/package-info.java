/**
 * Text and its tokens: the corpus the embedded models learn from, the trainer of their vocabulary, the tokenizers of the
 * model files that can be read, and the file of tokens that training reads.
 */
package parsimony.core.text;
