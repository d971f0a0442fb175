/** Training from nothing or from a checkpoint: AdamW, schedules, atomic checkpoints. */
package parsimony.core.train;
