// SwiGLU (Shazeer, 2020): y = gate * sigmoid(gate) * up. Three ops in one kernel: written one by one, each would read and write all
// numbers, and reading and writing is all the time that such ops take ("fusion"). Where exp overflows, gate / infinity is the right zero.
kernel void swiglu(int count, global const float *gate, global const float *up, global float *y) {
    int i = get_global_id(0);
    if (i < count) {
        float g = gate[i];
        y[i] = g / (1 + exp(-g)) * up[i];
    }
}

// The gradients, with s = sigmoid(gate): dUp += dy * gate * s and dGate += dy * up * s * (1 + gate * (1 - s)).
kernel void swiglu_backward(
        int count,
        global const float *gate,
        global const float *up,
        global const float *dy,
        global float *dGate,
        global float *dUp) {
    int i = get_global_id(0);
    if (i < count) {
        float g = gate[i];
        float s = 1 / (1 + exp(-g));
        dUp[i] += dy[i] * g * s;
        dGate[i] += dy[i] * up[i] * s * (1 + g * (1 - s));
    }
}
