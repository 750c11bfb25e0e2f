/* What a call copied last lies in the vector registers when it returns: parts of secrets, too, which the next
 * lazily bound call of the host would store on its stack. */
#ifndef SIGNER_ABI_REGISTERS_H
#define SIGNER_ABI_REGISTERS_H

/* Zeroes the vector registers, none of which a callee has to keep (x86-64; elsewhere nothing). */
void registers_clear(void);

#endif
