// done: a container that has nothing to do and ends well.
int main(void)
{
    return 0;
}
