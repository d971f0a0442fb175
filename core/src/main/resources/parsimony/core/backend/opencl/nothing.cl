// Computes nothing: what is left is the time that it takes to start a kernel.
kernel void nothing(void) {
}
