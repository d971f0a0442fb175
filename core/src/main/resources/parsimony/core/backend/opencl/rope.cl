// Rotary positions (Su et al., 2021, Eq. 34): each pair of numbers of a head is turned by the angle of its row. One work item a pair, so that
// no two items write the same number and the turn can be made in place. The cosines and sines come from the host, where they are computed in
// double precision once for all layers.
kernel void rope(
        int pairs,       // of all rows and heads
        int heads,
        int headSize,
        int interleaved, // 1: pair i is (2i, 2i + 1); 0: (i, i + headSize / 2)
        float sign,      // -1 turns back
        global const float *cosines, // [rows][headSize / 2]
        global const float *sines,
        global float *x) {           // [rows][heads][headSize]
    int pair = get_global_id(0);
    if (pair >= pairs) {
        return;
    }
    int width = headSize / 2;
    int i = pair % width;
    int headOfRow = pair / width;
    int row = headOfRow / heads;
    int first = headOfRow * headSize + (interleaved ? 2 * i : i);
    int second = first + (interleaved ? 1 : width);
    float cosine = cosines[row * width + i];
    float sine = sign * sines[row * width + i];
    float a = x[first];
    float b = x[second];
    x[first] = a * cosine - b * sine;
    x[second] = a * sine + b * cosine;
}
