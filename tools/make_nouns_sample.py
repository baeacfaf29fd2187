"""Select the bundled sample of everyday nouns from WordNet 3.0 and write it into the package.

    HYPERCLADE_DATA=FOLDER python tools/make_nouns_sample.py [--out FILE]

The words are listed here by category; the category's subtree of WordNet settles which sense is meant, or an
offset after the word where several senses fit. A word listed in two categories counts for the first. The
result is the same every time, to the byte.
"""

import argparse
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

# category: (roots as word/lexname: all synsets that match; familiar words, or word=offset of the synset)
CATEGORIES: dict[str, tuple[str, str]] = {
    "mammal": (
        "mammal/animal young/animal",
        """aardvark alpaca antelope ape armadillo baboon badger bat beagle bear beaver bison boar=02396427
        buffalo bull=02403325 bulldog calf camel caribou cat cheetah chimpanzee chinchilla chipmunk collie
        colt cougar cow=02403454 coyote dachshund dalmatian deer dingo dog dolphin donkey elephant
        elk=02431785 ewe ferret foal fox gazelle gerbil gibbon giraffe goat gopher gorilla greyhound
        hamster hare hedgehog hippopotamus horse hound husky hyena ibex jackal jaguar kangaroo kitten
        koala lamb lemming lemur leopard lion llama lynx mammoth manatee mare marmot marten mastiff mole
        mongoose monkey moose mouse mule muskrat ocelot opossum orangutan otter ox panda panther pig
        platypus pony=02382437 poodle porcupine porpoise pug puppy rabbit raccoon ram rat retriever
        rhinoceros seal sheep shrew skunk sloth spaniel squirrel stallion stoat tapir terrier tiger vole
        wallaby walrus warthog weasel whale wildebeest wolf wolverine wombat yak zebra""",
    ),
    "bird": (
        "bird/animal",
        """albatross blackbird bluebird bunting buzzard canary cardinal cassowary chick chickadee chicken
        cockatoo condor cormorant crane crow cuckoo dove drake duck eagle egret emu falcon finch flamingo
        goldfinch goose gosling grouse gull hawk hen heron hornbill hummingbird ibis jackdaw jay kestrel
        kingfisher kite kiwi lapwing lark linnet loon macaw magpie mallard martin mockingbird nightingale
        oriole osprey ostrich owl parakeet parrot partridge peacock pelican penguin petrel pheasant pigeon
        plover puffin quail raven rhea roadrunner robin rook rooster sandpiper sparrow starling stork
        swallow swan swift tern thrush titmouse toucan turkey vulture warbler waxwing woodcock woodpecker
        wren""",
    ),
    "reptile": (
        "reptile/animal amphibian/animal",
        """adder alligator anaconda asp axolotl boa brontosaurus bullfrog caiman chameleon cobra
        copperhead=01754370 crocodile dinosaur frog gecko iguana lizard mamba newt pterodactyl python
        rattlesnake salamander skink snake stegosaurus terrapin tortoise triceratops turtle tyrannosaur
        velociraptor viper""",
    ),
    "fish": (
        "fish/animal",
        """anchovy angelfish barracuda bass bream carp catfish char chub cichlid cod dogfish eel flatfish
        flounder goldfish grouper guppy haddock halibut herring mackerel marlin minnow mullet perch
        pickerel pike piranha plaice pollack puffer ray roach salmon sardine seahorse shark skate smelt
        snapper sole sprat stickleback stingray sturgeon sunfish swordfish tench triggerfish trout
        tuna=02626762 turbot whitefish whiting""",
    ),
    "insect": (
        "insect/animal",
        """ant aphid bee beetle bumblebee butterfly cicada cockroach cricket dragonfly earwig firefly flea
        fly gnat=02202287 grasshopper honeybee hornet housefly lacewing ladybug locust louse mantis mayfly
        midge mosquito moth stonefly termite wasp weevil""",
    ),
    "invertebrate": (
        "invertebrate/animal",
        """abalone anemone barnacle centipede clam cockle conch coral crab crayfish cuttlefish earthworm
        jellyfish krill leech limpet lobster millipede mite mussel nautilus octopus oyster prawn scallop
        scorpion shrimp slug snail spider sponge squid starfish tapeworm tarantula tick whelk worm""",
    ),
    "fruit": (
        "edible_fruit/food",
        """apple apricot avocado banana blackberry blueberry cantaloupe carambola cherry citron clementine
        cranberry currant date durian elderberry fig gooseberry grape grapefruit guava huckleberry kumquat
        lemon lime loganberry lychee mandarin mango medlar melon mulberry muskmelon nectarine orange
        papaya peach pear persimmon pineapple plum pomegranate prune quince raisin raspberry satsuma
        strawberry tamarind tangerine watermelon""",
    ),
    "vegetable": (
        "vegetable/food legume/food",
        """artichoke asparagus bean beet broccoli cabbage carrot cauliflower celery chard chickpea chicory
        cucumber eggplant endive fennel gherkin kale kohlrabi leek lentil lettuce mushroom okra onion
        parsnip pea pepper potato pumpkin radish rutabaga scallion shallot sorrel soybean spinach squash
        tomato truffle turnip watercress yam zucchini""",
    ),
    "nut or grain": (
        "grain/food cereal/food foodstuff/food edible_nut/food",
        """almond barley bran bulgur cashew chestnut coconut corn cornmeal flour granola hazelnut hominy malt
        millet oatmeal peanut pecan pistachio rice semolina walnut wheat""",
    ),
    "bread or pastry": (
        "bread/food pastry/food cake/food pasta/food pie/food baked_goods/food",
        """bagel baguette baklava biscuit brioche brownie bun cake cheesecake cobbler cookie cornbread
        cracker croissant crouton crumpet cupcake doughnut eclair fettuccine flatbread fruitcake
        gingerbread lasagna linguine loaf macaroni macaroon matzo muffin noodle pancake pretzel ravioli
        scone shortbread spaghetti strudel tart toast tortilla vermicelli waffle""",
    ),
    "dish": (
        "dish/food soup/food sandwich/food salad/food",
        """bisque borsch broth burrito casserole chili chowder coleslaw consomme curry enchilada fondue
        fricassee frittata gazpacho goulash gumbo haggis hamburger hash kebab meatball meatloaf minestrone
        moussaka omelet paella pilaf pizza porridge pottage ratatouille risotto salad sandwich schnitzel
        souffle soup stew sukiyaki sushi taco tamale tempura""",
    ),
    "meat": (
        "meat/food",
        """bacon beef bologna brisket chop fillet frankfurter gammon giblet ham liver liverwurst mutton
        pastrami pepperoni pork prosciutto rib salami sausage sirloin steak tenderloin tripe veal venison""",
    ),
    "dairy or spread": (
        "dairy_product/food spread/food condiment/food sauce/food cheese/food",
        """butter buttermilk cheddar cheese chutney cream gravy guacamole hummus ketchup margarine marinade
        mayonnaise milk mozzarella mustard pate pesto relish ricotta salsa vinegar yogurt""",
    ),
    "herb or spice": (
        "flavorer/food seasoner/food",
        """allspice aniseed basil caraway cardamom cayenne chervil chives cilantro cinnamon clove coriander
        dill garlic ginger horseradish mace marjoram mint nutmeg paprika parsley rosemary saffron sage
        salt savory tarragon thyme turmeric vanilla""",
    ),
    "sweet": (
        "sweet/food dessert/food sweetening/food",
        """bonbon brittle butterscotch candy caramel=07601809 fudge gum honey licorice lollipop marshmallow
        marzipan molasses mousse nougat parfait popsicle praline pudding sherbet sorbet sugar sundae syrup
        taffy tiramisu treacle trifle truffle""",
    ),
    "drink": (
        "beverage/food",
        """absinthe ale beer bourbon brandy cappuccino champagne cider claret cocktail cocoa coffee cola
        cordial eggnog espresso gin grog lager latte lemonade martini mead mocha ouzo port porter punch
        rum sake sherry smoothie soda stout tea tequila tonic vermouth vodka whiskey wine""",
    ),
    "tree": (
        "tree/plant",
        """acacia alder ash aspen balsa banyan baobab beech birch catalpa cedar chinaberry cottonwood cypress
        dogwood ebony elm eucalyptus fir ginkgo hemlock hickory hornbeam larch laurel linden locust
        magnolia mahogany mangrove maple monkeypod oak palm pine poplar rowan sassafras spruce
        sycamore=12806732 tamarack teak willow yew""",
    ),
    "flower or shrub": (
        "vascular_plant/plant flower/plant shrub/plant",
        """amaryllis aster azalea begonia bluebell bougainvillea boxwood broom buttercup cactus camellia
        carnation chrysanthemum clematis columbine cornflower cowslip crocus cyclamen daffodil dahlia
        daisy dandelion delphinium edelweiss forsythia foxglove freesia fuchsia gardenia geranium
        gladiolus heather hibiscus holly hollyhock honeysuckle=12674120 hyacinth hydrangea iris ivy
        jasmine lavender lilac lily lotus lupine marigold narcissus nasturtium oleaster orchid pansy peony
        petunia phlox poinsettia poppy primrose rhododendron rose snapdragon snowdrop sunflower thistle
        tulip verbena violet wisteria yarrow zinnia""",
    ),
    "plant or fungus": (
        "plant/Tops fungus/plant",
        """agave alfalfa aloe bamboo bracken bramble bulrush cattail chanterelle clover cotton fern flax
        grass hemp hops lichen mildew mold morel mushroom nettle papyrus puffball ragweed reed sapling
        sedge seedling sorghum stinkhorn sugarcane toadstool tobacco vine weed yeast yucca""",
    ),
    "clothing": (
        "clothing/artifact garment/artifact",
        """apron bathrobe bikini blazer blouse bodice bra cape cardigan cloak coat corset costume dress fur
        gauntlet glove gown jacket jersey kilt kimono leotard lingerie loincloth mitten muff negligee
        nightgown overcoat pajama pants parka petticoat poncho pullover raincoat robe sari sarong scarf
        shawl shirt skirt slacks smock sock stocking stole suit sweater sweatshirt swimsuit tights toga
        tunic tuxedo underpants undershirt uniform vest""",
    ),
    "footwear or hat": (
        "footwear/artifact headdress/artifact",
        """beret boater bonnet boot bowler cap clog crown espadrille fedora fez galosh hat helmet hood miter
        moccasin mortarboard overshoe oxford pump sandal shako shoe slipper sneaker sombrero tiara turban
        wedgie yarmulke""",
    ),
    "accessory": (
        "jewelry/artifact accessory/artifact adornment/artifact neckwear/artifact handbag/artifact "
        "belt/artifact spectacles/artifact umbrella/artifact bag/artifact jewel/artifact",
        """anklet backpack bag bead belt bracelet brooch choker cravat cufflink diamond earring emerald
        goggles handbag jewel necklace necktie pearl pendant pin purse ring ruby sapphire spectacles
        sunglasses umbrella""",
    ),
    "fabric": (
        "fabric/artifact",
        """baize broadcloth brocade burlap calico cambric canvas cashmere chenille chiffon chintz corduroy
        damask denim felt flannel fleece gauze gingham khaki lace lame leatherette linen madras mohair
        muslin nylon oilcloth organza paisley plaid plush poplin rayon sackcloth satin serge silk spandex
        suede taffeta tapestry terry tulle tweed twill velour velvet velveteen wool worsted""",
    ),
    "furniture": (
        "furniture/artifact",
        """armchair armoire bassinet bed bench bookcase bunk bureau cabinet chair commode cot cradle credenza
        crib davenport desk divan dresser footstool hammock highchair lamp lectern loveseat ottoman
        recliner rocker sectional settee sideboard sofa stool table throne wardrobe washstand workbench""",
    ),
    "household": (
        "furnishing/artifact bedclothes/artifact home_appliance/artifact appliance/artifact "
        "toiletry/artifact fixture/artifact cleaning_implement/artifact bath_linen/artifact "
        "linen/artifact lamp/artifact source_of_illumination/artifact padding/artifact",
        """bedspread blanket candle carpet chandelier comforter curtain cushion deodorant dishwasher dryer
        duvet flashlight freezer iron lantern lightbulb microwave mop napkin oven perfume pillow
        pillowcase refrigerator sconce sheet shower sink stove tablecloth toaster toilet torch vacuum
        washbasin washer""",
    ),
    "kitchenware": (
        "kitchen_utensil/artifact tableware/artifact cutlery/artifact crockery/artifact pot/artifact "
        "pan/artifact utensil/artifact ware/artifact glass/artifact kettle/artifact cup/artifact",
        """beaker bowl cauldron chalice chopstick cup cutter flute fork goblet grater griddle kettle pan
        plate platter pot saucepan saucer skillet spatula spoon tablespoon teacup teapot teaspoon tumbler
        tureen whisk wineglass wok""",
    ),
    "container": (
        "container/artifact",
        """ashtray barrel basin basket bin bottle box briefcase bucket can canister canteen carton case
        casket cistern coffin crate cylinder drawer drum envelope flask hamper hopper jar jug keg locker
        pitcher pocket pouch sack safe samovar suitcase tank thermos trunk tub urn vase vial wallet
        wastebasket""",
    ),
    "tool": (
        "tool/artifact implement/artifact hand_tool/artifact",
        """adz auger awl axe bodkin chisel chopper comb crowbar drill file hacksaw hairbrush hammer hatchet
        hoe jackhammer jigsaw lever mallet needle oar paddle paintbrush pen pencil penknife pick pitchfork
        plane pliers plow plunger poker punch rake rasp razor router sander saw scalpel scissors scraper
        screwdriver scythe shears shovel sickle sledgehammer spade spanner squeegee toothbrush trowel""",
    ),
    "weapon": (
        "weapon/artifact weaponry/artifact ammunition/artifact armor/artifact explosive/artifact",
        """arquebus arrow bayonet bazooka bomb boomerang bow broadsword bullet cannon carbine crossbow
        cutlass dagger dart dirk dynamite flamethrower grenade gun gunpowder halberd howitzer javelin
        knife machete missile musket pike pistol rapier revolver rifle saber scimitar shield shotgun spear
        sword tomahawk torpedo trident""",
    ),
    "land vehicle": (
        "wheeled_vehicle/artifact vehicle/artifact train/artifact",
        """ambulance barrow bicycle buggy bulldozer bus caboose car caravan carriage cart chariot coach
        convertible coupe dogsled forklift go-kart handcart hatchback hearse jeep limousine locomotive
        lorry minicab minivan moped motorcycle pickup pram rickshaw roadster scooter sedan skateboard sled
        snowmobile snowplow stagecoach steamroller streetcar taxi tractor trailer train tram tricycle
        truck unicycle van wagon""",
    ),
    "ship or aircraft": (
        "craft/artifact",
        """airliner airplane airship balloon barge biplane blimp boat bomber canoe catamaran clipper corvette
        cruiser destroyer dory dreadnought ferry fighter frigate galleon galley glider gondola helicopter
        houseboat hovercraft hydrofoil icebreaker jet junk kayak ketch lander lifeboat liner minesweeper
        motorboat punt sailboat sampan schooner scow seaplane ship sloop spacecraft speedboat steamboat
        steamer submarine tanker trawler trireme tug warship yacht""",
    ),
    "musical instrument": (
        "musical_instrument/artifact",
        """accordion bagpipe balalaika banjo bassoon bell bongo bugle calliope carillon castanets celesta
        cello clarinet clavichord concertina cymbal dulcimer euphonium flugelhorn glockenspiel gong guitar
        harmonica harmonium harp harpsichord kazoo koto lute lyre mandolin maraca marimba oboe ocarina
        organ panpipe piano piccolo recorder saxophone shawm sitar sousaphone spinet synthesizer tabor
        tambourine timpani triangle trombone trumpet ukulele vibraphone viola violin whistle zither""",
    ),
    "building": (
        "building/artifact structure/artifact housing/artifact establishment/artifact "
        "place_of_worship/artifact depository/artifact",
        """abbey apartment aquarium bakery bank barn basilica brewery bungalow cabin=02932400 casino castle
        cathedral chalet chapel chateau church cinema clinic condominium convent courthouse distillery
        dormitory embassy factory farmhouse fort garage greenhouse hangar hospital hostel hotel house
        hut=03547054 igloo inn kennel library lighthouse lodge=03685486 mansion monastery mosque motel
        museum observatory pagoda palace pavilion planetarium prison pub refinery restaurant school shed
        skyscraper stable stadium supermarket synagogue tavern temple tent theater tower villa warehouse
        wigwam""",
    ),
    "part of a building": (
        "structure/artifact room/artifact area/artifact passageway/artifact",
        """aisle alcove altar arcade arch atrium attic=03686130 balcony ballroom banister basement bathroom
        bedroom cellar chamber classroom cloakroom closet=03148324 colonnade column corridor crypt dome
        door dungeon fence floor foyer gable gallery=03412058 gate hall hallway hearth kitchen lavatory
        nave nursery office pantry parlor patio porch railing sauna skylight spire veranda wall window""",
    ),
    "machine or device": (
        "machine/artifact electronic_equipment/artifact equipment/artifact device/artifact "
        "instrumentality/artifact optical_instrument/artifact",
        """amplifier antenna binoculars calculator camcorder camera computer crane dynamo engine fan
        generator headphone headset incubator jukebox keyboard=03614007 laptop laser loudspeaker megaphone
        microphone microscope modem monitor=03782006 motor periscope phonograph photocopier printer
        projector radar radio receiver robot scanner=04143140 stethoscope syringe telegraph telephone
        telescope television thermostat transistor transmitter treadmill=04477387 turbine turntable
        typewriter videodisk webcam""",
    ),
    "measuring instrument": (
        "measuring_instrument/artifact instrument/artifact timepiece/artifact",
        """altimeter ammeter anemometer astrolabe barometer bolometer caliper chronograph chronometer clock
        compass dosimeter gauge hourglass hydrometer hygrometer micrometer odometer pedometer protractor
        pyrometer ruler scale seismograph sextant spectrometer speedometer stopwatch sundial tachometer
        theodolite thermometer timer voltmeter watch wristwatch yardstick""",
    ),
    "toy or game": (
        "plaything/artifact game/act game_equipment/artifact sports_equipment/artifact",
        """backgammon ball=02778669 balloon barbell baseball bat bingo blackjack bridge charades checkers
        chess croquet crossword doll dominoes dumbbell golfcart hide-and-seek hopscotch hula-hoop
        kaleidoscope mahjong marble marbles net pinball poker pool roulette rummy seesaw shuttlecock skate
        skittles solitaire swing tag teddy tenpin tetherball toy trampoline whist yo-yo""",
    ),
    "sport": (
        "sport/act athletic_game/act",
        """archery badminton basketball bobsledding boxing cricket cycling diving fishing football golf
        gymnastics handball hockey hunting judo lacrosse polo racing riding rowing rugby running shinny
        skateboarding skating skiing sledding snorkeling soccer softball squash sumo surfing swimming
        tennis tumbling volleyball wrestling""",
    ),
    "body part": (
        "body_part/body external_body_part/body organ/body",
        """abdomen ankle arm armpit artery back beard=05261566 bladder brain breast=05553288 buttock calf
        cheek chest chin cornea ear eardrum earlobe elbow=05579944 esophagus eye eyelid face finger
        fingernail fist foot=05563266 forearm forefinger forehead gum hair=05254393 hand=05564590
        head=05538625 heart heel hip instep intestine jaw knee knuckle larynx leg limb lip lung mouth
        muscle neck nerve nose nostril palm pancreas retina scalp shin shoulder skin spleen stomach temple
        thigh throat=05547508 thumb toe toenail tongue tonsil torso trachea uvula vein=05418717 waist
        wrist""",
    ),
    "bone": (
        "bone/body skeletal_structure/body tooth/body",
        """backbone breastbone canine clavicle coccyx cranium fang femur fibula humerus incisor jawbone
        kneecap molar pelvis premolar radius sacrum scapula skull tarsus tibia tooth tusk ulna vertebra""",
    ),
    "relative": (
        "relative/person family/person child/person spouse/person person/Tops",
        """aunt baby=09827683 boy=10285313 bride brother cousin daughter father fiance girl godfather
        godmother grandchild grandfather grandmother grandson groom husband mother nephew niece orphan
        parent sister=10602985 son stepfather stepmother teenager toddler twin uncle widow widower wife""",
    ),
    "occupation": (
        "person/Tops worker/person",
        """accountant actor actress ambassador anthropologist apothecary archaeologist architect artist
        astronaut astronomer athlete auctioneer author baker ballerina banker=09837824 barber bartender
        beekeeper biologist blacksmith bookkeeper botanist brewer bricklayer broker butcher=09884391
        butler captain=10298912 carpenter cashier chef chemist clown coach cobbler comedian composer
        conductor cook courier cowboy curator dancer dentist dermatologist designer=09972157 detective
        diplomat doctor economist editor electrician engineer farmer firefighter fisherman florist
        gardener geologist glazier goalkeeper goldsmith governess guard=10150071 hairdresser historian
        housekeeper illustrator janitor jeweler jockey journalist judge juggler lawyer librarian lifeguard
        locksmith magician mailman manicurist mason mathematician mayor mechanic=09825750 merchant midwife
        miller milliner miner minister=09983572 musician nanny nun nurse optician painter paleontologist
        pediatrician philosopher photographer physicist pilot plumber poet policeman politician porter
        potter priest professor programmer psychiatrist psychologist publisher rabbi referee reporter
        sailor salesman sculptor seamstress secretary shepherd=10587605 shoemaker singer soldier
        stewardess student surgeon tailor tanner teacher translator typist undertaker usher veterinarian
        waiter waitress weaver welder writer zoologist""",
    ),
    "colour": (
        "color/attribute",
        """amber aqua azure beige black blue brown burgundy cerise charcoal chartreuse chestnut coral crimson
        cyan fawn gray green indigo ivory lavender magenta maroon mauve navy ochre olive orange pink puce
        purple red rose scarlet sepia tan taupe teal ultramarine violet white yellow""",
    ),
    "metal or mineral": (
        "metallic_element/substance alloy/substance mineral/substance rock/object rock/substance "
        "stone/substance chemical_element/substance crystal/object gem/substance "
        "transparent_gem/substance",
        """agate alabaster aluminum amethyst antimony asbestos basalt bauxite beryl bismuth brass bronze
        calcite calcium carbon chalk chlorine chromium cinnabar cobalt copper feldspar fluorine galena
        garnet gneiss gold granite graphite gypsum helium hematite hydrogen iodine iron jade jasper
        lead=14643467 limestone lithium magnesium magnetite malachite manganese marble mercury mica neon
        nickel nitrogen obsidian onyx opal oxygen pewter phosphorus platinum plutonium potassium pumice
        pyrite quartz radium sandstone shale silicon silver slate sodium steel sulfur talc tin titanium
        topaz tungsten turquoise uranium vanadium zinc zircon""",
    ),
    "landform": (
        "geological_formation/object land/object natural_elevation/object object/Tops",
        """archipelago atoll beach bluff butte canyon cape cave cavern cliff continent crater crevasse delta
        desert dune forest geyser glacier gorge grotto hill hillside iceberg island=09316454 isthmus
        jungle knoll ledge marsh meadow mesa moor mountain oasis peak peninsula plain plateau prairie
        promontory ravine reef=09406793 ridge=09409512 sandbar savanna shore=09433442 steppe swamp tundra
        valley volcano""",
    ),
    "body of water": (
        "body_of_water/object",
        """bay bayou brook channel cove estuary fjord gulf inlet lagoon lake loch ocean pond pool puddle
        reservoir river rivulet sea sound strait stream tributary waterway""",
    ),
    "sky": (
        "celestial_body/object natural_object/Tops object/Tops",
        """asteroid comet constellation galaxy=08271042 meteor meteorite moon nebula=09366940 nova planet
        planetoid pulsar quasar satellite=09424270 star sun supernova""",
    ),
    "weather": (
        "weather/phenomenon atmospheric_phenomenon/phenomenon storm/phenomenon "
        "precipitation/phenomenon phenomenon/Tops",
        """aurora blizzard breeze cloud cyclone dew downpour drizzle fog frost gale gust hail haze hurricane
        lightning mist monsoon rain shower sleet snow squall storm sunshine=11485367 thunderstorm tornado
        typhoon whirlwind wind=11525955""",
    ),
    "emotion": (
        "emotion/feeling feeling/Tops",
        """affection anger anguish annoyance anxiety awe boredom calmness compassion confidence contempt
        contentment delight desire despair disappointment disgust dismay dread ecstasy elation
        embarrassment enthusiasm envy euphoria excitement fear frustration fury glee=07529377 gloom
        gratitude grief guilt happiness hatred hope horror hostility humility indignation jealousy joy
        loneliness longing love=07543288 melancholy misery nostalgia panic pity pleasure pride regret
        relief remorse resentment sadness satisfaction serenity shame sorrow surprise sympathy vanity
        wonder worry""",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).parents[1] / "src" / "hyperclade" / "data" / "bundled" / "nouns.npz"
    parser.add_argument("--out", type=Path, default=default)
    arguments = parser.parse_args()
    if "HYPERCLADE_DATA" not in os.environ:
        parser.error("set HYPERCLADE_DATA to the folder that holds wordnet/nouns.parquet")
    folder = Path(os.environ["HYPERCLADE_DATA"], "wordnet")
    nouns = pd.read_parquet(folder / "nouns.parquet")
    chosen = select(nouns)
    features = np.load(folder / "nouns_minilm_pca256.npy", mmap_mode="r", allow_pickle=False)
    rows = [row for row, _, _ in chosen]
    node_names, node_parent, leaf_parent = taxonomy(nouns, rows)
    category_names = sorted(CATEGORIES)
    lexnames = sorted({nouns.lexname[row] for row in rows})
    arrays = {
        "features": np.asarray(features[rows], dtype=np.float16),
        "names": np.array([name for _, name, _ in chosen]).astype("S"),
        "offsets": np.array([nouns.offset[row] for row in rows]).astype("S"),
        "labels": np.array([category_names.index(category) for _, _, category in chosen], dtype=np.uint8),
        "label_names": np.array(category_names).astype("S"),
        "lexnames": np.array([lexnames.index(nouns.lexname[row]) for row in rows], dtype=np.uint8),
        "lexname_names": np.array(lexnames).astype("S"),
        "node_names": np.array(node_names).astype("S"),
        "node_parent": node_parent,
        "leaf_parent": leaf_parent,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_npz(arguments.out, arrays)
    print(f"{len(chosen)} nouns, {arguments.out.stat().st_size / 2**20:.2f} MiB")


def select(nouns: pd.DataFrame) -> list[tuple[int, str, str]]:
    """(row of the synset, name, category) in WordNet's order; every name and every synset once."""
    row_of = {offset: row for row, offset in enumerate(nouns.offset)}
    children: list[list[int]] = [[] for _ in range(len(nouns))]
    rows_of_word: dict[str, list[int]] = {}
    for row in range(len(nouns)):
        for parent in nouns.hypernyms[row]:
            children[row_of[parent]].append(row)
        for word in nouns.words[row]:
            rows_of_word.setdefault(word, []).append(row)
    chosen: dict[int, tuple[str, str]] = {}
    names: set[str] = set()
    for category, (roots, words) in CATEGORIES.items():
        inside = subtree(roots.split(), rows_of_word, nouns.lexname, children)
        for entry in dict.fromkeys(words.split()):
            word, _, offset = entry.partition("=")
            senses = (
                [row_of[offset]] if offset else [row for row in rows_of_word.get(word, []) if row in inside]
            )
            senses = [row for row in senses if row not in chosen]
            # Its own name before a synonym's; WordNet has no frequencies, and lists the general sense first.
            senses.sort(key=lambda row, word=word: (list(nouns.words[row]).index(word), row))
            if not senses:
                raise ValueError(
                    f"{word} is not in the subtree of {category}, or a synonym is chosen already"
                )
            if word not in names:
                names.add(word)
                chosen[senses[0]] = (word, category)
    return [(row, *chosen[row]) for row in sorted(chosen)]


def subtree(
    roots: list[str], rows_of_word: dict[str, list[int]], lexnames: pd.Series, children: list[list[int]]
) -> set[int]:
    stack = []
    for root in roots:
        word, lexname = root.split("/")
        found = [row for row in rows_of_word.get(word.replace("_", " "), []) if lexnames[row] == lexname]
        if not found:
            raise ValueError(f"no synset {root}")
        stack += found
    inside: set[int] = set()
    while stack:
        row = stack.pop()
        if row not in inside:
            inside.add(row)
            stack += children[row]
    return inside


def taxonomy(nouns: pd.DataFrame, rows: list[int]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The nouns' hypernyms up to the root, first parents only: names, parents of nodes, parents of nouns.

    Every parent comes before its children; the root's is −1.
    """
    row_of = {offset: row for row, offset in enumerate(nouns.offset)}

    def parent_row(row: int) -> int:
        return row_of[nouns.hypernyms[row][0]] if len(nouns.hypernyms[row]) else -1

    depth: dict[int, int] = {}
    for row in rows:
        path = []
        above = parent_row(row)
        while above >= 0 and above not in depth:
            path.append(above)
            above = parent_row(above)
        base = depth[above] if above >= 0 else -1
        for k, node in enumerate(reversed(path)):
            depth[node] = base + 1 + k
    nodes = sorted(depth, key=lambda row: (depth[row], row))
    position = {row: k for k, row in enumerate(nodes)} | {-1: -1}
    node_parent = np.array([position[parent_row(row)] for row in nodes], dtype=np.int16)
    leaf_parent = np.array([position[parent_row(row)] for row in rows], dtype=np.int16)
    return [nouns.words[row][0] for row in nodes], node_parent, leaf_parent


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """As numpy.savez_compressed, without the time of day, so that the same input gives the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for key, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{key}.npy"), buffer.getvalue(), zipfile.ZIP_DEFLATED, 9)


if __name__ == "__main__":
    main()
