/**
 * One small transformer and everything that a technique needs to be run, checked and measured on it. Knows no technique.
 */
package parsimony.core;
