/**
 * Fine-tuning that costs a fraction: LoRA and its family, QLoRA, prefix and prompt tuning, and optimizers that keep no state. A
 * technique here adds a few trainable parameters to a frozen transformer, or changes how the update is made.
 */
package parsimony.lora;
