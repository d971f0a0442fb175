// One AdamW update (Loshchilov and Hutter, 2019, Alg. 2) of every number of a parameter for itself. Four numbers are read and three written for a few
// multiplications: the time is that of the memory.
kernel void adam_w(
        int count,
        float gradientScale,
        float learningRate,
        float beta1,
        float beta2,
        float correction1, // 1 / (1 - beta1^step)
        float correction2,
        float epsilon,
        float weightDecay,
        global const float *gradient,
        global float *parameter,
        global float *firstMoment,
        global float *secondMoment) {
    int i = get_global_id(0);
    if (i < count) {
        float g = gradientScale * gradient[i];
        float m = beta1 * firstMoment[i] + (1 - beta1) * g;
        float v = beta2 * secondMoment[i] + (1 - beta2) * g * g;
        firstMoment[i] = m;
        secondMoment[i] = v;
        float update = m * correction1 / (sqrt(v * correction2) + epsilon);
        parameter[i] -= learningRate * (update + weightDecay * parameter[i]);
    }
}
