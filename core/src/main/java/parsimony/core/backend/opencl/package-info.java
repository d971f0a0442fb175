/** Any vendor's graphics card, by OpenCL 1.2; the one package of core that knows it. The kernels lie beside the classes as resources. */
package parsimony.core.backend.opencl;
