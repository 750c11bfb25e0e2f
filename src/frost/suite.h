/* Names of the ciphersuite's hashes (frost 2). */
#ifndef SIGNER_FROST_SUITE_H
#define SIGNER_FROST_SUITE_H

#define FROST_CONTEXT "FROST-secp256k1-SHA256-TR-v1"

#endif
