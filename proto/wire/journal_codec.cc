#include "proto/wire/journal_codec.h"
