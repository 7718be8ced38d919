#include "proto/wire/graph_codec.h"
