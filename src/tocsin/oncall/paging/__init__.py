"""How is one person reached: by which ways, when, and through what?"""
