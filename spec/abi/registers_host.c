/* The clearing of the registers in a build that is optimized across files: what its caller keeps in them survives. */
#include <stdio.h>

#include "abi/registers.h"

int main(int count, char **arguments) {
    double kept = count * 1.5;
    (void)arguments;
    registers_clear();
    printf("kept %s\n", kept == count * 1.5 && kept > 0 ? "whole" : "lost");
    return 0;
}
