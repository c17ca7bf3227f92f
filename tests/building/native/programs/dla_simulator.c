#include <stdio.h>

#include "greeting.h"

int main(void)
{
    printf("%s, simulator\n", greeting());
    return 0;
}
